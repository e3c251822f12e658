package report

import (
	"bytes"
	"cmp"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"campaign/internal/campaign"
)

// IndexFile lists the reports of a folder, in it.
const IndexFile = "index.html"

// maxIndexed is how many runs the index lists, the newest.
const maxIndexed = 1000

// maxReportFile is the largest report.json that is read, in bytes: they are bounded.
const maxReportFile = 8 << 20

//go:embed page/index.html
var indexTemplate string

var _ = template.Must(pages.Parse(indexTemplate))

// WriteIndex lists the reports that lie under root, as Write stored them, in one page
// in root. The page is replaced as a whole or not at all. Several processes may do so
// at once: whoever writes last sees what all of them stored. Errors wrap ErrWrite.
func WriteIndex(root, language string, now time.Time) error {
	return writeIndex(osDisk{}, root, language, now)
}

// indexTries bounds how often an index is written anew because reports came meanwhile.
const indexTries = 100

func writeIndex(d disk, root, language string, now time.Time) error {
	for range indexTries {
		before, err := reportFiles(root)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrWrite, err)
		}
		if err := storeIndex(d, root, indexPage(root, before, language, now)); err != nil {
			return err
		}
		after, err := reportFiles(root)
		if err == nil && maps.Equal(before, after) {
			return nil
		}
	}
	return nil // the processes that stored those reports write it too
}

// reportFiles gives the report.json of each run, with the time that it is of.
func reportFiles(root string) (map[string]time.Time, error) {
	found := map[string]time.Time{}
	paths, err := fs.Glob(os.DirFS(root), "*/*/*/report.json")
	for _, p := range paths {
		if info, err := os.Stat(filepath.Join(root, filepath.FromSlash(p))); err == nil && info.Mode().IsRegular() {
			found[p] = info.ModTime()
		}
	}
	return found, err
}

func storeIndex(d disk, root string, page []byte) error {
	out, path, err := d.Create(root, IndexFile)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrWrite, err)
	}
	s := &staged{name: IndexFile, path: path, file: out}
	defer s.discard()
	if _, err := s.Write(page); err != nil {
		return err
	}
	if err := s.seal(); err != nil {
		return err
	}
	if err := d.Rename(s.path, filepath.Join(root, s.name)); err != nil {
		return fmt.Errorf("%w: %w", ErrWrite, err)
	}
	s.path = ""
	if err := d.Sync(root); err != nil {
		return fmt.Errorf("%w: %w", ErrWrite, err)
	}
	return nil
}

// indexed is what the index needs of a report.
type indexed struct {
	dir, page  string          // page: the file for people
	State      State           `json:"state"`
	Run        Run             `json:"run"`
	Recipients campaign.Counts `json:"recipients"`
}

// readIndexed reads what it can of the reports, the newest run first.
func readIndexed(root string, files map[string]time.Time) (all []indexed, unread int) {
	for _, p := range slices.Sorted(maps.Keys(files)) {
		one := indexed{dir: strings.TrimSuffix(p, "/report.json")}
		file := filepath.Join(root, filepath.FromSlash(p))
		info, err := os.Stat(file)
		if err == nil && info.Size() > maxReportFile {
			err = fs.ErrInvalid
		}
		var data []byte
		if err == nil {
			data, err = os.ReadFile(file)
		}
		if err == nil {
			err = json.Unmarshal(data, &one)
		}
		if err != nil || one.State == "" {
			unread++
			continue
		}
		one.page = "report.html"
		if _, err := os.Stat(filepath.Join(filepath.Dir(file), one.page)); err != nil { // of an earlier version
			one.page = "report.md"
		}
		all = append(all, one)
	}
	slices.SortStableFunc(all, func(a, b indexed) int { return b.Run.Began.Compare(a.Run.Began) })
	return all, unread
}

type indexView struct {
	T               *pageWords
	Lang            string
	Head            template.HTML
	Made            string
	Omitted, Unread string
	Campaigns       []indexedCampaign
}

type indexedCampaign struct {
	ID, Name, Profile string
	Bars              *bar
	Runs              htmlTable
	all               []indexed
}

func indexPage(root string, files map[string]time.Time, language string, now time.Time) []byte {
	w := in(language)
	all, unread := readIndexed(root, files)
	v := indexView{T: &w.page, Lang: w.lang, Head: pageHead, Made: w.page.Made + w.colon + clock(now)}
	if len(all) > maxIndexed {
		v.Omitted = fmt.Sprintf(w.page.OlderRuns, campaign.Grouped(int64(len(all)-maxIndexed)))
		all = all[:maxIndexed]
	}
	if unread > 0 {
		v.Unread = fmt.Sprintf(w.page.UnreadReports, campaign.Grouped(int64(unread)))
	}
	v.Campaigns = indexCampaigns(w, all)
	var b bytes.Buffer
	if err := pages.ExecuteTemplate(&b, "index", v); err != nil {
		panic(err) // of a buffer: the template is wrong
	}
	return b.Bytes()
}

// indexCampaigns groups runs by profile and campaign; who ran last comes first.
func indexCampaigns(w *words, all []indexed) []indexedCampaign {
	var campaigns []indexedCampaign
	at := map[[2]string]int{}
	for _, r := range all {
		key := [2]string{r.Run.Profile, r.Run.Campaign}
		i, known := at[key]
		if !known {
			i = len(campaigns)
			at[key] = i
			campaigns = append(campaigns, indexedCampaign{ID: fmt.Sprint("c", i), Name: inert(r.Run.Campaign), Profile: inert(r.Run.Profile)})
		}
		campaigns[i].all = append(campaigns[i].all, r)
	}
	for i := range campaigns {
		c := &campaigns[i]
		c.Runs, c.Bars = indexRuns(w, c), indexBars(w, c.all)
	}
	return campaigns
}

func indexRuns(w *words, c *indexedCampaign) htmlTable {
	p := &w.page
	names := []string{p.Began, p.Occurrence, p.State}
	for _, o := range campaign.Outcomes {
		names = append(names, w.outcome[o]+":")
	}
	t := htmlTable{Name: c.Name, Columns: columns(append(names, "=:", p.Report)...)}
	for _, r := range c.all {
		occurrence := inert(r.Run.Occurrence.Label)
		if r.Run.Trial {
			occurrence += " (" + p.Trial + ")"
		}
		state, known := w.states[r.State]
		if !known {
			state = inert(string(r.State))
		}
		row := []cell{moment(clock(r.Run.Began)), {Text: occurrence}, {Text: state}}
		for _, o := range campaign.Outcomes {
			row = append(row, num(r.Recipients.Of(o)))
		}
		t.Rows = append(t.Rows, append(row, num(r.Recipients.Planned), cell{Text: inert(r.Run.ID), Link: r.link()}))
	}
	return t
}

// link is the address of a run's page, relative to the index.
func (r indexed) link() string {
	var parts []string
	for part := range strings.SplitSeq(r.dir, "/") {
		parts = append(parts, url.PathEscape(part))
	}
	return "./" + strings.Join(append(parts, r.page), "/")
}

// maxIndexBars is how many runs of a campaign are drawn, the newest.
const maxIndexBars = 40

// indexBars draws how the runs of a campaign went, the oldest first: each is as high
// as the others and parted by outcome.
func indexBars(w *words, newest []indexed) *bar {
	runs := slices.Clone(newest[:min(len(newest), maxIndexBars)])
	slices.Reverse(runs)
	b := &bar{Label: fmt.Sprintf(w.page.LastRuns, campaign.Grouped(int64(len(runs))))}
	width := chartWidth / max(float64(len(runs)), 12)
	for i, r := range runs {
		y := 30.0
		for _, o := range campaign.Outcomes {
			n := r.Recipients.Of(o)
			if n == 0 {
				continue
			}
			h := 30 * float64(n) / float64(cmp.Or(r.Recipients.Planned, 1))
			y -= h
			b.Parts = append(b.Parts, rect{Class: o.String(), X: units(float64(i) * width), Y: units(y), W: units(width * 0.9), H: units(max(h, 0.5))})
		}
	}
	return b
}
