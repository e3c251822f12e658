package recipients

import (
	"context"
	"errors"
	"testing"
	"testing/fstest"

	"campaign/internal/campaign"

	"github.com/google/go-cmp/cmp"
)

func rowsOf(t *testing.T, src Source) []Row {
	t.Helper()
	var rows []Row
	for row, err := range src.Rows(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row)
	}
	return rows
}

func TestPlace(t *testing.T) {
	row := Row{Row: 4, Line: 7, Text: "企业,\"甲,\"\"乙\n丙\",,x", Form: &Form{Separator: ','}}
	for cell, want := range [][2]int{{7, 1}, {7, 4}, {8, 4}, {8, 5}, {7, 0}} {
		if line, col := row.Place(cell); line != want[0] || col != want[1] {
			t.Errorf("cell %d is at %d:%d, want %v", cell, line, col, want)
		}
	}
	cell := Row{Row: 12, Line: 12, Form: &Form{Sheet: "名单"}}
	if line, col := cell.Place(27); line != 12 || col != 28 || cell.Where(27) != `sheet "名单", cell AB12` || cell.Where(-1) != `sheet "名单", row 12` {
		t.Errorf("%d:%d, %s, %s", line, col, cell.Where(27), cell.Where(-1))
	}
	for _, row := range []Row{{Line: 3}, {Line: 3, Text: "x", Form: &Form{Separator: ','}}} {
		if line, col := row.Place(-1); line != 3 || col != 0 {
			t.Errorf("no cell is at %d:%d", line, col)
		}
	}
}

func digestOf(t *testing.T, src Source) string {
	t.Helper()
	sum, err := src.Digest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

func TestList(t *testing.T) {
	src := NewList([]map[string]string{
		{"userid": "1", "名称": "x"},
		{"orgid": "7"},
		{},
	})
	columns, ds, err := src.Columns(t.Context())
	if err != nil || ds != nil {
		t.Fatal(ds, err)
	}
	if diff := cmp.Diff([]string{"orgid", "userid", "名称"}, columns); diff != "" {
		t.Error(diff)
	}
	want := []Row{
		{Row: 1, Cells: []string{"", "1", "x"}},
		{Row: 2, Cells: []string{"7", "", ""}},
		{Row: 3, Cells: []string{"", "", ""}},
	}
	for range 2 {
		if diff := cmp.Diff(want, rowsOf(t, src)); diff != "" {
			t.Error(diff)
		}
	}
	if rows := rowsOf(t, NewList(nil)); rows != nil {
		t.Errorf("rows of an empty list: %v", rows)
	}
}

func TestListDigest(t *testing.T) {
	base := NewList([]map[string]string{{"a": "1", "b": "2"}, {"a": "3", "b": ""}})
	if got := digestOf(t, NewList([]map[string]string{{"b": "2", "a": "1"}, {"a": "3"}})); got != digestOf(t, base) {
		t.Error("the digest depends on how an empty cell is written")
	}
	others := [][]map[string]string{
		nil,
		{},
		{{"a": "1", "b": "2"}},
		{{"a": "3"}, {"a": "1", "b": "2"}},
		{{"a": "12", "b": ""}, {"a": "3", "b": ""}},
		{{"a": "1", "c": "2"}, {"a": "3"}},
		{{"a": "1", "b": "2"}, {"a": "3"}, {}},
	}
	seen := map[string]int{digestOf(t, base): -1}
	for i, rows := range others {
		sum := digestOf(t, NewList(rows))
		if j, ok := seen[sum]; ok && !(i == 1 && j == 0) {
			t.Errorf("lists %d and %d have the same digest", i, j)
		}
		seen[sum] = i
	}
}

func TestListCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	src := NewList([]map[string]string{{"a": "1"}, {"a": "2"}})
	rows, last := 0, error(nil)
	for _, err := range src.Rows(ctx) {
		if last = err; err == nil {
			rows++
		}
		cancel()
	}
	if rows != 1 || !errors.Is(last, context.Canceled) {
		t.Errorf("%d rows, then %v", rows, last)
	}
	if _, err := src.Digest(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("digest: %v", err)
	}
	if _, _, err := src.Columns(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("columns: %v", err)
	}
}

func TestOpen(t *testing.T) {
	fsys := fstest.MapFS{"r/a.CSV": {Data: []byte("x\n1\n")}}
	src, err := Open(fsys, "r/a.CSV", campaign.Sheet{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Row{{Row: 2, Line: 2, Cells: []string{"1"}, Text: "1", Form: &Form{Separator: ','}}}, rowsOf(t, src)); diff != "" {
		t.Error(diff)
	}
	for name, want := range map[string]string{
		"r/a.ods":     "r/a.ods: recipients cannot be read from this kind of file: save it as one of .csv, .tsv, .xlsx, .ndjson, .json, .yaml, .yml",
		"r/a.xlsx.gz": "r/a.xlsx.gz: recipients cannot be read from this kind of file: save it as one of .csv, .tsv, .xlsx, .ndjson, .json, .yaml, .yml",
		"r/csv":       "r/csv: recipients cannot be read from this kind of file: save it as one of .csv, .tsv, .xlsx, .ndjson, .json, .yaml, .yml",
		"../a.csv":    `"../a.csv" is not a path inside the project`,
		"/a.csv":      `"/a.csv" is not a path inside the project`,
	} {
		if src, err := Open(fsys, name, campaign.Sheet{}); err == nil || err.Error() != want || src != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
