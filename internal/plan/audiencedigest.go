package plan

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
)

// AudienceDigest is over whom the plan is for: rows in the campaign file, groups with
// what is known of them, and the content of the files of people. The same people in
// another file of the same text have the same digest. Lower-case hex of a SHA-256.
func (p *Plan) AudienceDigest(ctx context.Context) (string, error) {
	d := &digester{hash: sha256.New()}
	d.text("audience", "")
	d.number("planner", Version)
	r := &p.spec.Campaign.Recipients
	d.number("rows", int64(len(r.List)))
	for _, row := range r.List {
		d.mapping("row", row)
	}
	if g := r.Groups; g != nil {
		d.flag("disjoint", g.Disjoint)
		if m := g.Match; m != nil {
			d.texts("match", []string{m.Title, m.Department, m.Type})
		}
	}
	d.groups(p.spec.Groups)
	if !p.spec.Layout.Groups {
		if err := p.digestSources(ctx, d); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(d.hash.Sum(nil)), nil
}
