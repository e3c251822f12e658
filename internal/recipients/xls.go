package recipients

import (
	"context"
	"iter"

	"campaign/internal/campaign"
)

// xlsFile is a file that is named like the workbooks of old: the binary format, and
// what many systems export under that name. It says what the file is and what to
// save it as, and has no rows.
type xlsFile struct{ textFile }

func openXLS(f textFile, _ campaign.Sheet) Source { return &xlsFile{f} }

func (x *xlsFile) Columns(ctx context.Context) ([]string, []campaign.Diagnostic, error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	t, ds, err := x.open()
	if t == nil {
		return nil, ds, err
	}
	defer t.Close()
	return nil, []campaign.Diagnostic{{File: x.path, Rule: ruleOtherFormat,
		Message: "the file is a text that has the name of a workbook", Hint: "name it .csv; commas, tabs and semicolons are told apart by themselves"}}, nil
}

func (x *xlsFile) Rows(ctx context.Context) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		_, ds, err := x.Columns(ctx)
		if err != nil {
			yield(Row{}, err)
			return
		}
		yieldAll(ds, yield)
	}
}

func (x *xlsFile) Digest(ctx context.Context) (string, error) { return digestRows(ctx, x) }
