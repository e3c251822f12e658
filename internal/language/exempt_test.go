package language

import (
	"path"
	"regexp"
	"strings"
)

// unsaid are rooms and files whose sentences no person is shown in the language of the
// locale, with the reason.
var unsaid = map[string]string{
	"internal/sandbox":               "an emulator for tests and trials: it speaks as the documents of the platforms do",
	"internal/language":              "the catalogue itself, which tests read",
	"internal/architecture":          "tests only",
	"internal/targets/targettest":    "tests only",
	"internal/ledger/ledgertest":     "tests only",
	"internal/ledger/mem":            "the ledger of tests and of the sandbox: it says what the stored one says",
	"internal/monitor":               "a page and metrics for machines and operators, and their own words",
	"internal/diagnostics/rules.go":  "the page of rules",
	"internal/diagnostics/github.go": "machine output: the same in every language",
	"internal/diagnostics/gitlab.go": "machine output: the same in every language",
	"internal/diagnostics/junit.go":  "machine output: the same in every language",
	"internal/diagnostics/sarif.go":  "machine output: the same in every language",
	"cmd/campaign/evidencezip.go":    "a document for auditors and vendors, which goes out of the house",
	"internal/spec/accept.go":        "programmers' messages: what is wrong with a schema of ours",
	"cmd/campaign/memory.go":         "says nothing",
	"cmd/campaign/sandboxcmd.go":     "an emulator for tests and trials",
}

// ofReports are files of internal/report that have words of their own in both languages,
// or are the same in both.
var ofReports = regexp.MustCompile(`^internal/report/(chinese|words|pagewords|html|htmltables|markdown|tables|index|junit|csv|json|digest|timeline|chart|related|verdict|inert|reasons)\.go$`)

func exempt(name string) bool {
	if ofReports.MatchString(name) || unsaid[name] != "" || unsaid[path.Dir(name)] != "" {
		return true
	}
	return false
}

// help are the fields of commands that --help shows: it is English.
var help = map[string]bool{"Use": true, "Short": true, "Long": true, "Example": true}

// helpTexts are the constants that --help shows.
var helpTexts = map[string]bool{"exitCodesHelp": true}

// silent are calls whose own texts are looked for, or are layouts, patterns, statements
// or programmers' messages: people do not see them.
var silent = map[string]bool{
	"strings.Contains": true, "strings.HasPrefix": true, "strings.HasSuffix": true, "strings.Cut": true, "strings.CutPrefix": true,
	"strings.CutSuffix": true, "strings.Index": true, "strings.ContainsAny": true, "strings.IndexAny": true, "strings.Split": true,
	"strings.SplitN": true, "strings.Trim": true, "strings.TrimLeft": true, "strings.TrimRight": true, "strings.TrimPrefix": true,
	"strings.TrimSuffix": true, "strings.NewReplacer": true, "strings.ReplaceAll": true, "strings.Replace": true, "strings.Join": true,
	"strings.Count": true, "strings.EqualFold": true, "strings.Repeat": true,
	"regexp.MustCompile": true, "Format": true, "Parse": true, "ParseInLocation": true, "panic": true, "NewDesc": true,
	"sub": true, // commands in cmd/campaign/state.go
	"Set": true, "HandleFunc": true, "Handle": true, "Getenv": true,
	"Exec": true, "Query": true, "QueryRow": true, "ExecContext": true, "QueryContext": true, "QueryRowContext": true, "Prepare": true,
}

var statement = regexp.MustCompile(`(?:SELECT|INSERT|UPDATE|DELETE|CREATE|ALTER|PRAGMA|VACUUM|FROM|WHERE|ORDER BY|GROUP BY|AND state) |^num, id, `)

// isStatement reports whether a text is one of the ledger's SQL.
func isStatement(file, text string) bool {
	return strings.HasPrefix(file, "internal/ledger/sqlite/") && statement.MatchString(text)
}

// others are single texts that no person is shown in the language of the locale.
var others = map[string]bool{
	"open %s: %s": true, "campaign records 1": true, "<!doctype html>": true, // in system.txt; what a digest is made of
	// names of flags and keys before a sentence: they stay
	"--only: %s": true, "client_secret: %s": true, "HTTP %d": true, "it %s": true, "or %s": true, "channel: %s": true, "content: %s": true, "recipients: %s": true, "--outcome: %s": true, "--older-than %s: %s": true, "--listen %s: %s": true, "%s: %s of %s: %s": true,
	// programs, files, headers and what is sent
	"campaign %s %s/%s %s": true, "source <(campaign completion bash)": true, "curl --globoff --request": true, "templates/%s.yaml": true,
	"place-%d.lock": true, `"group_runs": %d`: true, "groups.%s.lock.yaml": true, "target: %s": true, `,"usertype":%s,"orgid"`: true,
	"Written by: campaign groups --target %s --lock":            true,
	"{id: %d, title: %s, department: %s, type: %s, people: %d}": true,
	"%s ignoring-on-line-%d.":                                   true, // a name that no file has
	"yaml-language-server: $schema=":                            true, "yaml-language-server: $schema=%s": true, "approvals/%s.yaml": true, "{file: %s, digest: %s}": true,
	"Written by campaign approve, to be committed by who approved.": true,
	"<details><summary><code>%s</code></summary>":                   true,
	"--occurrence %q":         true,                         // of a command
	"%s\t%s\t%s\tfrom %s\t%s": true, "not known here": true, // cells of a table, as json has them
	"PRIVATE KEY":  true, // a mark that is looked for
	"committed by": true, // in the history of a run, which reports read it from
	`Content-Disposition: form-data; name="%s"`: true,
	"multipart/form-data; boundary=%s":          true,
	"Bearer %s":                                 true,
	"How far the run ledger of this project has come. Sending is refused from a ledger that is older than this: it would send again.": true, // stands in a file
	// heads of tables have the names that --format json gives their columns
	"CAMPAIGN\tOCCURRENCE\tUTC\tRUN\tSKIPPED": true, "ID\tPEOPLE\tTYPE\tTITLE\tDEPARTMENT": true,
	"PROFILE\tCAMPAIGN\tOCCURRENCE\tUNTIL\tCOUNT\tSTATE\tREASON": true, "TARGET\tSYSTEM\tADDRESS\tSECRETS\tTRUSTED": true,
	"ENVIRONMENT\t\tADDRESS\tROUTE\tSERVES": true,
	"RUN\tPROFILE\tCAMPAIGN\tOCCURRENCE\tBEGAN\tSTATE\tRECIPIENTS\tACCEPTED\tREJECTED\tUNKNOWN\tLEFT OUT\tTO DO": true,
	"%d until %s": true, // a cell of such a table
	"WEBHOOK\tEVENTS\tHOST\tADDRESS\tTRUSTED": true,
	// examples in the language of templates: they are read as code
	`default "…" .name`: true, "upper .name": true, "lower .name": true, "trim .name": true, `truncate 20 .name or truncate 20 "…" .name`: true,
	`col "column header"`: true, `date "2006-01-02" .day`: true, `toDate "02.01.2006" .day`: true, `inZone "Asia/Shanghai" .occurrence`: true,
	"addDays 7 .day": true, "number .amount": true, "fixed 2 .amount": true, "thousands .amount": true,
	// what a digest is made of
	"expect min": true, "expect max": true, "max change": true, "must include": true, "must exclude": true, "must change": true,
	// programmers' messages of a panic
	"schema: %s": true, "schema %s is not embedded": true, "spec: %s": true, "schema: embedded files: %s": true,
	// flags that --help shows
	"how it is shown that the run goes on, on stderr: %s; auto: a live block on a terminal, else a line every few seconds; json: lines that begin with {": true,
	"campaign plan": true, // the name of a document's maker
}
