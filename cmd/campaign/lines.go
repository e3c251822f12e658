package main

import "sync"

// lines are the accounts that a process uses for several campaigns at the same time:
// while any of them goes on they share limits, token and connections. Afterwards the
// account is opened anew, with secrets as they are then and without old troubles.
type lines struct {
	mu   sync.Mutex
	open map[string]*sharedLine
}

type sharedLine struct {
	key   string
	users int // guarded by lines.mu

	mu   sync.Mutex // held while it is opened
	line *line
}

// take gives the line of a key, opening it if nobody has it open.
func (l *lines) take(key string, open func() (*line, error)) (*sharedLine, error) {
	l.mu.Lock()
	if l.open == nil {
		l.open = map[string]*sharedLine{}
	}
	s := l.open[key]
	if s == nil {
		s = &sharedLine{key: key}
		l.open[key] = s
	}
	s.users++
	l.mu.Unlock()
	s.mu.Lock()
	var err error
	if s.line == nil {
		s.line, err = open()
	}
	s.mu.Unlock()
	if err != nil {
		l.leave(s)
		return nil, err
	}
	return s, nil
}

// leave closes a line with its last user.
func (l *lines) leave(s *sharedLine) {
	l.mu.Lock()
	s.users--
	last := s.users == 0
	if last {
		delete(l.open, s.key)
	}
	l.mu.Unlock()
	if last && s.line != nil {
		s.line.out.close()
	}
}
