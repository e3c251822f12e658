package targets

import (
	"context"
	"fmt"
	"time"

	"campaign/internal/campaign"
)

// TokenSource keeps the token of an account and renews it when it was refused.
// However many callers ask at a time, the credential's source is read once for
// all of them. It is safe for concurrent use.
type TokenSource struct {
	resolve    func(context.Context) (held, error)
	credential campaign.Credential
	base       string          // folder that the credential is relative to
	cache      *tokenCache     // nil: this process keeps its tokens to itself
	state      chan tokenState // holds the state while nobody works on it
}

type tokenState struct {
	current held
	looked  time.Time // at the cache
	fetch   *fetch    // under way, or nil
}

// lookEvery is how long another process's renewal may go unnoticed while the
// current token is not refused.
const lookEvery = time.Second

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
		resolve:    func(ctx context.Context) (held, error) { return r.fetch(ctx, c) },
		credential: c,
		base:       r.Dir,
		state:      make(chan tokenState, 1),
	}
	s.state <- tokenState{}
	return s
}

// Share lets all processes of this host that use the account have one token: it
// is kept in a file of dir, which only its owner can read, and of however many
// processes meet the same refusal one renews it. The account's name tells its
// file from others'. It has effect for tokens that are fetched, those of a
// command or a token endpoint; others are read from where they stand. A folder
// that cannot be used is no failure: problem, if not nil, is told the first time,
// from any goroutine. Share is called before anything else.
func (s *TokenSource) Share(dir, account string, problem func(error)) {
	if len(s.credential.Command) == 0 && s.credential.OAuth2 == nil {
		return
	}
	s.cache = newTokenCache(dir, account, s.base, s.credential, problem)
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
	if state.fetch == nil && !state.current.token.IsZero() && state.current.token != rejected {
		s.follow(&state, rejected)
		s.state <- state
		return state.current.token, nil
	}
	if state.fetch == nil {
		state.fetch = s.start(ctx, state.current, rejected)
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

// follow takes over what another process has renewed meanwhile.
func (s *TokenSource) follow(state *tokenState, rejected campaign.Secret) {
	if s.cache == nil || time.Since(state.looked) < lookEvery {
		return
	}
	state.looked = time.Now()
	if newer, ok := s.cache.look(state.current); ok && newer.token != rejected {
		state.current = newer
	}
}

func (s *TokenSource) sameAgain() error {
	return fmt.Errorf("the token was refused and %s gives the same one again: put a new token there and run again", Describe(s.credential))
}

// start reads the source in the background for a token in the place of the
// refused one, if there was one. The reading does not end with the caller who
// began it.
func (s *TokenSource) start(ctx context.Context, refused held, rejected campaign.Secret) *fetch {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	f := &fetch{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer cancel()
		got, err := s.obtain(ctx, refused, rejected)
		if err == nil && got.token == refused.token {
			got, err = held{}, s.sameAgain()
		}
		state := <-s.state
		f.token, f.err = got.token, err
		if state.fetch == f {
			state.fetch = nil
			if err == nil {
				state.current, state.looked = got, time.Now()
			}
		}
		s.state <- state
		close(f.done)
	}()
	return f
}

// obtain gets a token from the cache or the source. A caller may reject one that
// this source never gave.
func (s *TokenSource) obtain(ctx context.Context, refused held, rejected campaign.Secret) (held, error) {
	if s.cache == nil {
		return s.resolve(ctx)
	}
	if refused.token.IsZero() {
		refused.token = rejected
	}
	return s.cache.renew(ctx, refused, s.resolve)
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
