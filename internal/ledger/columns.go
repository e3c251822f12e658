package ledger

import (
	"encoding/binary"
	"hash/crc32"
	"math"

	"github.com/fxamacker/cbor/v2"
)

// Payloads of the journal and of blocks are columns: byte strings that hold the
// same field of many entries end to end, as zig-zag varints or as text. A CBOR
// array of them (RFC 8949, deterministic) is sealed with a format byte in front
// and a CRC-32C behind. The checksum stays the last four bytes in every format to
// come, so that damage and another format are never taken for one another.

// Format is the version of the payloads that this program writes.
const Format = 1

const sealSize = 1 + crc32.Size

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	encMode    = must(cbor.CoreDetEncOptions().EncMode())
	decMode    = must(cbor.DecOptions{
		MaxArrayElements: 1 << 16,
		IndefLength:      cbor.IndefLengthForbidden,
		TagsMd:           cbor.TagsForbidden,
	}.DecMode())
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// seal packs columns, a struct of byte strings.
func seal(columns any) ([]byte, error) {
	packed, err := encMode.Marshal(columns)
	if err != nil {
		return nil, err
	}
	out := make([]byte, 0, len(packed)+sealSize)
	out = append(append(out, Format), packed...)
	return binary.BigEndian.AppendUint32(out, crc32.Checksum(out, castagnoli)), nil
}

// unseal is seal's inverse. It fails with ErrDamaged or ErrFormat.
func unseal(sealed []byte, columns any) error {
	if len(sealed) < sealSize {
		return Because(ErrDamaged, "the ledger is damaged: an entry is %d bytes short", sealSize-len(sealed))
	}
	body, sum := sealed[:len(sealed)-crc32.Size], sealed[len(sealed)-crc32.Size:]
	if crc32.Checksum(body, castagnoli) != binary.BigEndian.Uint32(sum) {
		return Because(ErrDamaged, "the ledger is damaged: an entry does not match its checksum")
	}
	if body[0] != Format {
		return Because(ErrFormat, "the ledger has entries of format %d and this program knows format %d", body[0], Format)
	}
	if err := decMode.Unmarshal(body[1:], columns); err != nil {
		return Because(ErrDamaged, "the ledger is damaged: an entry of format %d is not readable", Format)
	}
	return nil
}

// number appends an integer to a column.
func number[T ~int | ~int64](column []byte, v T) []byte {
	return binary.AppendVarint(column, int64(v))
}

// cursor reads a column. What lies past its end, or is no number, reads as 0 and
// marks it bad; callers ask once, after the last value.
type cursor struct {
	column []byte
	bad    bool
}

func (c *cursor) more() bool { return len(c.column) > 0 && !c.bad }

func (c *cursor) number() int64 {
	v, n := binary.Varint(c.column)
	if n <= 0 {
		c.bad = true
		return 0
	}
	c.column = c.column[n:]
	return v
}

// count reads a number of entries or bytes of which at most limit can be there.
func (c *cursor) count(limit int) int {
	v := c.number()
	if v < 0 || v > int64(limit) {
		c.bad = true
		return 0
	}
	return int(v)
}

// index reads a position or length that fits an int32: recipients of a delivery.
func (c *cursor) index() int { return c.count(math.MaxInt32) }

// done reports whether the column was read to its end and nothing was amiss.
func (c *cursor) done() bool { return !c.bad && len(c.column) == 0 }

// texts reads strings from a column of lengths and one of their bytes. All
// strings share the memory of the whole.
type texts struct {
	lengths cursor
	rest    string
}

func (t *texts) next() string {
	n := t.lengths.count(len(t.rest))
	s := t.rest[:n]
	t.rest = t.rest[n:]
	return s
}

func (t *texts) done() bool { return t.lengths.done() && t.rest == "" }

func unreadable(what string) error {
	return Because(ErrDamaged, "the ledger is damaged: the columns of %s contradict each other", what)
}
