package runner

import (
	"context"

	"campaign/internal/campaign"
)

// Tokens is where an account's token comes from. However many callers ask to
// renew the same rejected token, it is renewed once.
type Tokens interface {
	// Token gives the current token.
	Token(ctx context.Context) (campaign.Secret, error)
	// Renew gives another token than the rejected one, or an error.
	Renew(ctx context.Context, rejected campaign.Secret) (campaign.Secret, error)
}

// grants remembers which token the last renewal gave, and whether it was ever
// taken: a new token that is refused as well is the second 401 in a row
// (design: delivery, rule 7).
type grants struct {
	last   campaign.Secret
	proven bool
}

// accepted notes that the upstream took a token.
func (g *grants) accepted(token campaign.Secret) {
	if token == g.last {
		g.proven = true
	}
}

// refused reports whether this is the second 401 in a row.
func (g *grants) refused(token campaign.Secret) bool {
	return !g.last.IsZero() && token == g.last && !g.proven
}

// renewed notes what a renewal gave.
func (g *grants) renewed(token campaign.Secret) {
	if token != g.last {
		g.last, g.proven = token, false
	}
}

// took notes that the upstream took a token.
func (a *Account) took(token campaign.Secret) {
	if token.IsZero() || a.proven.Load() {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.grants.accepted(token)
	a.proven.Store(a.grants.proven)
}

// renew gets another token for a refused one, unless ctx ends before. It fails with
// what stops the account.
func (a *Account) renew(ctx context.Context, refused campaign.Secret) (fresh bool, _ *stopped) {
	a.mu.Lock()
	twice := a.grants.refused(refused)
	a.mu.Unlock()
	if twice {
		return false, a.end(&stopped{why: Token, detail: "the upstream refuses the renewed token too"})
	}
	a.renewing.Add(1)
	token, err := a.tokens.Renew(ctx, refused)
	a.renewing.Add(-1)
	switch {
	case ctx.Err() != nil:
		return false, nil
	case err != nil:
		return false, a.end(&stopped{why: Token, detail: err.Error()})
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	fresh = token != a.grants.last
	a.grants.renewed(token)
	a.proven.Store(a.grants.proven)
	return fresh, nil
}
