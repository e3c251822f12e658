package chuanbo

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"campaign/internal/targets"
)

// field is a form field as it goes on the wire.
type field struct {
	name, value string
	secret      bool
}

// form builds a multipart/form-data request (RFC 7578) with plain fields in
// their order, as the document's curl --form examples send them.
func form(method, url string, fields []field) targets.Request {
	mark := boundary(fields)
	var b strings.Builder
	for _, f := range fields {
		b.WriteString("--" + mark + "\r\nContent-Disposition: form-data; name=\"" + f.name + "\"\r\n\r\n" + f.value + "\r\n")
	}
	b.WriteString("--" + mark + "--\r\n")
	return targets.Request{
		Method: method,
		URL:    url,
		Header: http.Header{"Content-Type": {"multipart/form-data; boundary=" + mark}},
		Body:   []byte(b.String()),
	}
}

// boundary derives the parts' separator from the fields, so that the same fields
// give the same bytes, and tries on until it occurs in none of the values.
// Secrets do not go into it: a plan shows the boundary that a run uses.
func boundary(fields []field) string {
	h := sha256.New()
	for _, f := range fields {
		if !f.secret {
			fmt.Fprintf(h, "%d:%s%d:%s", len(f.name), f.name, len(f.value), f.value)
		}
	}
	seed := h.Sum(nil)
	for try := 0; ; try++ {
		sum := sha256.Sum256(strconv.AppendInt(seed[:sha256.Size:sha256.Size], int64(try), 10))
		mark := "campaign-" + hex.EncodeToString(sum[:12])
		if !occurs(mark, fields) {
			return mark
		}
	}
}

func occurs(mark string, fields []field) bool {
	for _, f := range fields {
		if strings.Contains(f.value, mark) {
			return true
		}
	}
	return false
}
