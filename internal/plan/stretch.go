package plan

import "campaign/internal/campaign"

// mostStretches bounds what a summary knows of the sizes of requests.
const mostStretches = 8192

// stretches are the requests of a plan in their order, those of one size together.
// When there are too many, neighbours of one stage are put together, so that the
// recipients of a part of them are not known exactly any more.
type stretches struct {
	list   []campaign.Stretch
	coarse int64 // requests below which a stretch takes others of another size on
}

// add takes on a request.
func (s *stretches) add(stage int, recipients int64) {
	if i := len(s.list) - 1; i >= 0 {
		last := &s.list[i]
		same := last.Recipients == recipients*last.Requests || last.Requests < s.coarse
		if last.Stage == stage && same {
			last.Requests++
			last.Recipients += recipients
			return
		}
	}
	if len(s.list) >= mostStretches {
		s.halve()
	}
	s.list = append(s.list, campaign.Stretch{Stage: stage, Requests: 1, Recipients: recipients})
}

// halve puts neighbours together.
func (s *stretches) halve() {
	s.coarse = max(2*s.coarse, 2)
	kept := s.list[:0]
	for _, next := range s.list {
		if i := len(kept) - 1; i >= 0 && kept[i].Stage == next.Stage && kept[i].Requests < s.coarse {
			kept[i].Requests += next.Requests
			kept[i].Recipients += next.Recipients
			continue
		}
		kept = append(kept, next)
	}
	s.list = kept
}
