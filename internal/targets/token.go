package targets

import (
	"context"
	"fmt"

	"campaign/internal/campaign"
)

// TokenSource keeps the token of an account and renews it when it was refused.
// However many callers ask at a time, the credential's source is read once for
// all of them. It is safe for concurrent use.
type TokenSource struct {
	resolve func(context.Context) (campaign.Secret, error)
	origin  string
	state   chan tokenState // holds the state while nobody works on it
}

type tokenState struct {
	current campaign.Secret
	fetch   *fetch // under way, or nil
}

// fetch is one reading of the source, shared by everybody who waits for it. It
// ends early only when all of them have left.
type fetch struct {
	cancel  context.CancelFunc
	waiting int
	done    chan struct{} // closed when token and err are set
	token   campaign.Secret
	err     error
}

// NewTokenSource makes a source that reads c with r, not before it is asked.
func NewTokenSource(r Resolver, c campaign.Credential) *TokenSource {
	s := &TokenSource{
		resolve: func(ctx context.Context) (campaign.Secret, error) { return r.Resolve(ctx, c) },
		origin:  Describe(c),
		state:   make(chan tokenState, 1),
	}
	s.state <- tokenState{}
	return s
}

// Token gives the current token.
func (s *TokenSource) Token(ctx context.Context) (campaign.Secret, error) {
	return s.get(ctx, campaign.Secret{})
}

// Renew gives another token than the rejected one: the current one when that
// has already been renewed, else what the source gives now. A source that gives
// the rejected one again is an error, and so is one that fails; the next call
// then asks again. That a new token is refused too is for the caller to notice.
func (s *TokenSource) Renew(ctx context.Context, rejected campaign.Secret) (campaign.Secret, error) {
	return s.get(ctx, rejected)
}

// get gives a token other than rejected; the zero Secret rejects nothing. While
// a renewal is under way everybody waits for it: the current token is a refused one.
func (s *TokenSource) get(ctx context.Context, rejected campaign.Secret) (campaign.Secret, error) {
	if err := ctx.Err(); err != nil {
		return campaign.Secret{}, err
	}
	state := <-s.state
	if state.fetch == nil && !state.current.IsZero() && state.current != rejected {
		s.state <- state
		return state.current, nil
	}
	if state.fetch == nil {
		state.fetch = s.start(ctx, state.current)
	}
	shared := state.fetch
	shared.waiting++
	s.state <- state

	select {
	case <-shared.done:
	case <-ctx.Done():
		s.leave(shared)
		return campaign.Secret{}, context.Cause(ctx)
	}
	if shared.err == nil && shared.token == rejected {
		return campaign.Secret{}, s.sameAgain()
	}
	return shared.token, shared.err
}

func (s *TokenSource) sameAgain() error {
	return fmt.Errorf("the token was refused and %s gives the same one again: put a new token there and run again", s.origin)
}

// start reads the source in the background for a token in the place of the
// refused one, if there was one. The reading does not end with the caller who
// began it.
func (s *TokenSource) start(ctx context.Context, refused campaign.Secret) *fetch {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	f := &fetch{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer cancel()
		token, err := s.resolve(ctx)
		if err == nil && token == refused {
			token, err = campaign.Secret{}, s.sameAgain()
		}
		state := <-s.state
		f.token, f.err = token, err
		if state.fetch == f {
			state.fetch = nil
			if err == nil {
				state.current = token
			}
		}
		s.state <- state
		close(f.done)
	}()
	return f
}

// leave gives up waiting; with the last one the reading ends, and whoever comes
// next begins another.
func (s *TokenSource) leave(f *fetch) {
	state := <-s.state
	f.waiting--
	if f.waiting == 0 {
		f.cancel()
		if state.fetch == f {
			state.fetch = nil
		}
	}
	s.state <- state
}
