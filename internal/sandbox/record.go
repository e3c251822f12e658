package sandbox

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"
)

// Request is an accepted request.
type Request struct {
	Seq         uint64    `json:"seq"` // 1, 2, 3, … in the order of acceptance; goes on after a clear
	At          time.Time `json:"at"`  // when it was accepted
	Micros      int64     `json:"us"`  // when it was seen, as in its Arrival
	InFlight    int       `json:"in_flight"`
	Account     string    `json:"account"`
	System      string    `json:"system"`
	Endpoint    string    `json:"endpoint"`
	Channel     string    `json:"channel"`              // zqt.message, chuanbo.notification, chuanbo.sms, chuanbo.voice
	Title       string    `json:"title"`                // zqt's title, chuanbo's name
	ID          string    `json:"id,omitempty"`         // the outbox id that zqt answers
	Recipients  []string  `json:"recipients,omitempty"` // userid/orgid
	Groups      []string  `json:"groups,omitempty"`     // chuanbo's group ids
	Size        int       `json:"size"`                 // of the body, in bytes
	SHA256      string    `json:"sha256"`               // of the body
	ContentType string    `json:"content_type,omitempty"`
	Body        string    `json:"body,omitempty"` // with Options.KeepBodies
}

// channel is a kind of message.
type channel uint8

const (
	zqtMessage channel = iota
	chuanboNotification
	chuanboSMS
	chuanboVoice
)

func (c channel) String() string {
	return [...]string{"zqt.message", "chuanbo.notification", "chuanbo.sms", "chuanbo.voice"}[c]
}

// blockSize is the number of entries in a block of the record. Blocks never move,
// so that a million entries are not copied while they grow.
const blockSize = 4096

// entry is a Request as memory keeps it, about 150 bytes and 4 a recipient.
type entry struct {
	at      time.Duration // since record.start
	arrived time.Duration
	account uint32
	flying  uint32
	title   string
	to      []uint32 // indexes into record.names
	sum     [sha256.Size]byte
	size    uint32
	channel channel
}

type kept struct{ contentType, body string }

// record remembers what was seen and accepted. Each recipient's name and each
// repeated title is kept once.
type record struct {
	start    time.Time // with its monotonic clock: times never go backwards
	outbox   string    // makes outbox ids unique across sandboxes
	keepBody bool

	mu       sync.Mutex
	file     *os.File // nil without a file; set before the server listens
	failed   error    // the first failure to write the file
	line     bytes.Buffer
	cleared  uint64 // entries that were cleared: the first entry has Seq cleared+1
	count    int
	entries  [][]entry
	bodies   map[uint64]kept
	ids      map[string]uint32
	names    []string
	titles   map[string]string
	arena    strings.Builder
	to       []uint32 // the rest of the block from which entries take theirs
	seen     int
	arrivals [][]arrival
	era      uint64 // how often the trace was cleared
	accounts []account
	named    map[string]int // indexes of accounts
	flying   int            // requests under way
	counts   [endpoints]Counts
}

func newRecord(outbox string, keepBody bool) *record {
	r := &record{start: time.Now(), outbox: outbox, keepBody: keepBody, named: map[string]int{}}
	r.account("others")
	r.forget()
	return r
}

func (r *record) forget() {
	r.era++
	r.cleared += uint64(r.count)
	r.count, r.entries, r.bodies = 0, nil, map[uint64]kept{}
	r.ids, r.names, r.titles, r.to = map[string]uint32{}, nil, map[string]string{}, nil
	r.arena.Reset()
	r.seen, r.arrivals, r.counts = 0, nil, [endpoints]Counts{}
}

// clear forgets everything in memory; the record file is left as it is.
func (r *record) clear() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forget()
}

// add changes the counts of an endpoint.
func (r *record) add(e endpoint, change func(*Counts)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.counts[e])
}

// accept records a request and returns its outbox id. When it returns an error the
// request is not accepted.
func (r *record) accept(v visit, e endpoint, p parcel, contentType string, body []byte) (string, error) {
	sum := sha256.Sum256(body)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failed != nil {
		return "", r.failed
	}
	seq := r.cleared + uint64(r.count) + 1
	made := entry{
		at: time.Since(r.start), arrived: v.at, account: uint32(v.account), flying: uint32(v.flying),
		title: p.title, sum: sum, size: uint32(len(body)), channel: p.channel,
	}
	extra := kept{}
	if r.keepBody {
		extra = kept{contentType, string(body)}
	}
	if r.file != nil {
		if err := r.write(r.request(seq, &made, p.to, extra)); err != nil {
			r.failed = fmt.Errorf("write the record %s: %w", r.file.Name(), err)
			return "", r.failed
		}
	}
	made.title = r.title(p.title)
	made.to = r.indexes(p.to)
	if r.count%blockSize == 0 {
		r.entries = append(r.entries, make([]entry, 0, blockSize))
	}
	last := &r.entries[len(r.entries)-1]
	*last = append(*last, made)
	if r.keepBody {
		r.bodies[seq] = extra
	}
	r.count++
	r.counts[e].Accepted++
	return r.id(seq), nil
}

// write appends one line to the file, in one write that the operating system has
// when it returns.
func (r *record) write(q Request) error {
	r.line.Reset()
	encoder := json.NewEncoder(&r.line)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(q); err != nil {
		return err
	}
	_, err := r.file.Write(r.line.Bytes())
	return err
}

func (r *record) id(seq uint64) string { return fmt.Sprintf("%s-%d", r.outbox, seq) }

// title keeps a title once, as long as not too many are different.
func (r *record) title(title string) string {
	if held, ok := r.titles[title]; ok {
		return held
	}
	held := r.hold(title)
	if len(r.titles) < blockSize {
		r.titles[held] = held
	}
	return held
}

// indexes keeps the names of recipients once each.
func (r *record) indexes(to []string) []uint32 {
	if len(r.to) < len(to) {
		r.to = make([]uint32, max(16*blockSize, len(to)))
	}
	out := r.to[:len(to):len(to)]
	r.to = r.to[len(to):]
	for i, name := range to {
		index, ok := r.ids[name]
		if !ok {
			index = uint32(len(r.names))
			held := r.hold(name)
			r.names = append(r.names, held)
			r.ids[held] = index
		}
		out[i] = index
	}
	return out
}

// hold copies text into the current block of the arena: a string that shares the
// memory of a whole request would keep that request alive.
func (r *record) hold(text string) string {
	if r.arena.Cap()-r.arena.Len() < len(text) {
		r.arena = strings.Builder{}
		r.arena.Grow(max(1<<16, len(text)))
	}
	from := r.arena.Len()
	r.arena.WriteString(text)
	return r.arena.String()[from:]
}

// request is the entry in full.
func (r *record) request(seq uint64, e *entry, to []string, k kept) Request {
	q := Request{
		Seq: seq, At: r.start.Add(e.at), Channel: e.channel.String(), Title: e.title,
		Micros: e.arrived.Microseconds(), InFlight: int(e.flying), Account: r.accounts[e.account].name, Size: int(e.size), SHA256: hex.EncodeToString(e.sum[:]), ContentType: k.contentType, Body: k.body,
	}
	if e.channel == zqtMessage {
		q.System, q.Endpoint, q.ID, q.Recipients = systemZQT, send.String(), r.id(seq), to
	} else {
		q.System, q.Endpoint, q.Groups = systemChuanbo, pushCreate.String(), to
	}
	return q
}

// requests returns up to limit accepted requests whose Seq is over since.
func (r *record) requests(since uint64, limit int) []Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	first := 0
	if since > r.cleared {
		first = int(min(since-r.cleared, uint64(r.count)))
	}
	last := first + min(limit, r.count-first)
	out := make([]Request, 0, last-first)
	for i := first; i < last; i++ {
		e := &r.entries[i/blockSize][i%blockSize]
		to := make([]string, len(e.to))
		for j, index := range e.to {
			to[j] = r.names[index]
		}
		seq := r.cleared + uint64(i) + 1
		out = append(out, r.request(seq, e, to, r.bodies[seq]))
	}
	return out
}
