package monitor

import (
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"campaign/internal/campaign"
)

// Metrics count what happens. Names and labels are stable.
type Metrics struct {
	occurrences *prometheus.CounterVec
	requests    *prometheus.CounterVec
	recipients  *prometheus.CounterVec
	duration    *prometheus.HistogramVec
	lateness    prometheus.Histogram
	claims      prometheus.Histogram
}

// NewMetrics makes counters that stand at 0.
func NewMetrics() *Metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	late := []float64{.01, .05, .1, .25, .5, 1, 5, 30, 60, 300, 3600}
	return &Metrics{
		occurrences: counter("campaign_occurrences_total", "Occurrences of schedules that this process decided, by what became of them.", "campaign", "result"),
		requests:    counter("campaign_deliveries_total", "Requests to the upstream, by their last outcome.", "target", "outcome"),
		recipients:  counter("campaign_recipients_total", "Recipients of requests, by their last outcome.", "target", "outcome"),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "campaign_request_duration_seconds",
			Help: "How long the upstream took for a request."}, []string{"target"}),
		lateness: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "campaign_lateness_seconds",
			Help: "How long after an occurrence was due it was begun.", Buckets: late}),
		claims: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "campaign_claim_lateness_seconds",
			Help: "How long after an occurrence was due it was claimed.", Buckets: late}),
	}
}

// Decided counts occurrences that were claimed or skipped, late after they were due.
func (m *Metrics) Decided(s campaign.Slot, late time.Duration) {
	if s.State == campaign.SlotDue {
		m.claims.Observe(late.Seconds())
		return
	}
	result, _, _ := strings.Cut(s.Reason, ":")
	m.occurrences.WithLabelValues(s.Campaign, result).Add(float64(s.Count))
}

// Begun counts an occurrence that is carried out, or gone on with.
func (m *Metrics) Begun(late time.Duration) { m.lateness.Observe(late.Seconds()) }

// Ended counts an occurrence that is over.
func (m *Metrics) Ended(s campaign.Slot) {
	result := "ran"
	switch {
	case s.State == campaign.SlotSkipped:
		result, _, _ = strings.Cut(s.Reason, ":")
	case s.Reason != "":
		result = "ran-with-problems"
	}
	m.occurrences.WithLabelValues(s.Campaign, result).Inc()
}

// Sent counts what an invocation of a run settled.
func (m *Metrics) Sent(target string, requests, recipients campaign.Counts) {
	for _, o := range campaign.Outcomes {
		if n := requests.Of(o); n > 0 {
			m.requests.WithLabelValues(target, o.String()).Add(float64(n))
		}
		if n := recipients.Of(o); n > 0 {
			m.recipients.WithLabelValues(target, o.String()).Add(float64(n))
		}
	}
}

// Answered measures a request.
func (m *Metrics) Answered(target string, took time.Duration) {
	m.duration.WithLabelValues(target).Observe(took.Seconds())
}

// registry adds what is read from the state whenever somebody asks.
func (m *Metrics) registry(source Source) *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(m.occurrences, m.requests, m.recipients, m.duration, m.lateness, m.claims, gauges{source},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// gauges reads the state.
type gauges struct{ source Source }

var (
	descReady     = prometheus.NewDesc("campaign_ready", "1: occurrences are decided; 0: something keeps them from it.", nil, nil)
	descCampaigns = prometheus.NewDesc("campaign_scheduled_campaigns", "Campaigns with a schedule.", nil, nil)
	descInvalid   = prometheus.NewDesc("campaign_invalid_files", "Problems of files, of which the version of before is run.", nil, nil)
	descRunning   = prometheus.NewDesc("campaign_running", "Campaigns that are run now.", nil, nil)
	descQueue     = prometheus.NewDesc("campaign_queue", "Occurrences that are claimed and not over.", nil, nil)
	descInFlight  = prometheus.NewDesc("campaign_requests_in_flight", "Requests that have no answer yet.", nil, nil)
	descNext      = prometheus.NewDesc("campaign_next_run_timestamp_seconds", "When the campaign is due next.", []string{"campaign"}, nil)
	descGood      = prometheus.NewDesc("campaign_last_success_timestamp_seconds", "When the last occurrence was due that went well.", []string{"campaign"}, nil)
	descProblem   = prometheus.NewDesc("campaign_problem", "1: a person should look at the campaign.", []string{"campaign"}, nil)
)

// Describe implements prometheus.Collector.
func (g gauges) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descReady, descCampaigns, descInvalid, descRunning, descQueue, descInFlight, descNext, descGood, descProblem} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (g gauges) Collect(ch chan<- prometheus.Metric) {
	s := g.source.State()
	put := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	truth := func(b bool) float64 {
		if b {
			return 1
		}
		return 0
	}
	put(descReady, truth(s.Ready))
	put(descCampaigns, float64(len(s.Campaigns)))
	put(descInvalid, float64(len(s.Files)))
	running, queue, flight := 0, 0, 0
	for _, c := range s.Campaigns {
		running += int(truth(c.Running))
		queue += c.Due
		put(descProblem, truth(c.Problem != "" || c.Stale), c.Name)
		if !c.NextAt.IsZero() {
			put(descNext, float64(c.NextAt.Unix()), c.Name)
		}
		if !c.Good.IsZero() {
			put(descGood, float64(c.Good.Unix()), c.Name)
		}
	}
	for _, r := range s.Runs {
		flight += r.InFlight
	}
	put(descRunning, float64(running))
	put(descQueue, float64(queue))
	put(descInFlight, float64(flight))
}
