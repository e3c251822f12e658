package diagnostics

import "slices"

// Rule is what docs/rules.md and formats that describe their rules say of one.
type Rule struct {
	ID    string // stable, kebab-case: people filter and search by it
	Area  string // the part of the page where it stands
	About string // one sentence: when it is broken, and why that matters
	// Unshown says why the page has no example of the rule; empty: it has.
	Unshown string
}

// About is a rule's sentence; empty: there is no such rule.
func About(id string) string {
	if i := slices.IndexFunc(Rules, func(r Rule) bool { return r.ID == id }); i >= 0 {
		return Rules[i].About
	}
	return ""
}

// Known reports whether there is such a rule.
func Known(id string) bool { return About(id) != "" }

// Why a rule has no example.
const (
	behindSchema = "another rule says it first for what stands in a file: this one guards the room behind"
	needsBytes   = "the file is not text, or larger than a page"
	needsLock    = "it needs a file that `campaign groups --lock` writes"
	needsServe   = "`campaign serve` and `tick` say it of files that changed while they run"
)

// The areas, in the order of the page.
const (
	files     = "Files"
	yaml      = "YAML"
	values    = "Keys and values"
	schedules = "Schedules and windows"
	accounts  = "Accounts and channels"
	templates = "Templates"
	html      = "HTML"
	lists     = "Lists of recipients"
	audience  = "Who gets it"
	approvals = "Approvals"
	comments  = "Comments"
)

// Areas lists the parts of the page.
var Areas = []string{files, yaml, values, schedules, accounts, templates, html, lists, audience, approvals, comments}

// Rules are all rules, by area. A test holds them against the rooms that find problems.
var Rules = []Rule{
	{"unreadable-file", files, "A file is there and cannot be read.", "it needs a file without rights"},
	{"file-too-big", files, "A file is larger than the program reads of its kind.", needsBytes},
	{"encoding", files, "A YAML or content file is not UTF-8, or holds control characters that YAML does not allow.", needsBytes},
	{"empty-file", files, "A file holds no value at all, at most comments.", ""},
	{"file-outside-project", files, "A path leads out of the project: what is not in the project is not reviewed with it.", ""},
	{"hidden-file", files, "A path names a file or folder that begins with a dot.", ""},
	{"no-campaign-file", files, "A PATH that campaigns were run from is gone, or holds none any more.", needsServe},
	{"bug", files, "The program met a bug while it read the file: the others are run, this one is not.", "whoever knows how to make one mends it"},
	{"missing-file", files, "A file that is named is not in the project.", ""},
	{"file-type", files, "A path names a folder or a device where a file is wanted.", "it needs a folder with the name of a list"},
	{"file-format", files, "The ending of a list's name is none that is read, or a key does not fit the format.", ""},
	{"literal-looks-like-file", files, "A body's text looks like the name of a file: the words would be sent.", ""},
	{"unused-file", files, "No campaign of the project uses a file of its folders `content`, `recipients` or `calendars`, or a lock file of groups. Said when the whole project is checked.", ""},
	{"recipients-not-ignored", files, "Git would take a list of people, and `.gitignore` keeps others out: probably this one was forgotten. A pattern with `!` says that it is meant to be committed. Said when the whole project is checked.", ""},
	{"no-file", files, "A file that a block names was not read along with it.", behindSchema},

	{"syntax", yaml, "The file is not YAML from here on. It cannot be ignored: nothing behind it was read.", ""},
	{"second-document", yaml, "A second document begins in the file, behind `---`.", ""},
	{"too-deep", yaml, "Values are nested deeper than anything that the program knows.", needsBytes},
	{"too-many-values", yaml, "The file holds more values than are read, aliases counted where they stand.", needsBytes},
	{"unquoted-template", yaml, "A value begins with `{{` and has no quotes: YAML reads a mapping there.", ""},
	{"duplicate-key", yaml, "The same key stands twice in one mapping.", ""},
	{"key-not-text", yaml, "A key is a number, a list or true: keys are text.", ""},
	{"merge-key", yaml, "The key `<<` is not read: what it brings in is not seen where it counts.", ""},
	{"unsupported-tag", yaml, "A value has a YAML tag other than `!!str`.", ""},
	{"alias-cycle", yaml, "An alias stands inside of what it names.", ""},
	{"ambiguous-number", yaml, "A number is written in a way that readers understand differently, as `007`, `0x1F` or `1e3`.", ""},
	{"unquoted-date", yaml, "A date without quotes stands where text is wanted.", ""},
	{"unquoted-text", yaml, "A value without quotes is a number, true or false to YAML, and text is wanted.", ""},

	{"unknown-key", values, "A key is not known here. A key that is not read would be a promise that nobody keeps.", ""},
	{"missing-key", values, "A key that must be there is not.", ""},
	{"conflicting-keys", values, "Two keys that exclude each other are both given.", ""},
	{"exactly-one", values, "Of several keys exactly one must be given.", ""},
	{"wrong-type", values, "A value is of another type than the key wants.", ""},
	{"empty-value", values, "A value is empty: in a file, or in the cell that a template needs.", ""},
	{"bad-value", values, "A value is none of those that can stand here, in a file or in a cell.", ""},
	{"bad-format", values, "A value does not have the form that the key wants.", ""},
	{"too-long", values, "A text is longer than the platform takes.", ""},
	{"out-of-range", values, "A number or span of time is too small or too large.", ""},
	{"duplicate-item", values, "The same item stands twice in a list.", ""},
	{"template-not-allowed", values, "A template stands where the text is the same for everybody.", ""},
	{"not-for-groups", values, "A key is for lists of people, and the campaign goes to user groups.", ""},
	{"not-for-users", values, "A key is for user groups, and the campaign goes to people.", ""},
	{"unknown-timezone", values, "A time zone has no such IANA name.", ""},
	{"bad-url", values, "An address is not one that a request can go to.", ""},
	{"bad-glob", values, "A pattern for names of groups cannot be read.", ""},
	{"bad-variable-name", values, "The name of a variable cannot be written in a template.", ""},
	{"wrong-campaign", values, "An approvals file is of another campaign than its name says.", ""},
	{"duplicate-name", values, "Two campaign files have the same name: it identifies a campaign for ever.", ""},

	{"bad-cron", schedules, "A cron expression cannot be read.", ""},
	{"cron-step", schedules, "A step of a cron expression does not divide its range evenly.", ""},
	{"cron-day-or", schedules, "A cron expression gives a day of the month and one of the week: each of the two makes it due.", ""},
	{"never-due", schedules, "A schedule never comes due.", ""},
	{"schedule-over", schedules, "A schedule is past its last time.", ""},
	{"bad-time", schedules, "A time of `at` or `deadline` cannot be read or does not exist in its zone.", ""},
	{"outside-dates", schedules, "A time of `at` is before `starts` or behind `ends`.", ""},
	{"calendar-year", schedules, "A calendar does not know a year that the schedule or window reaches.", ""},
	{"bad-dates", schedules, "The dates of a schedule end before they begin.", ""},
	{"bad-calendar", schedules, "A calendar contradicts itself.", ""},
	{"bad-span", schedules, "A span of a window ends before it begins, or is none.", ""},
	{"overlapping-spans", schedules, "Two spans of a window overlap.", ""},
	{"stage-order", schedules, "A stage does not reach further than the one before it.", ""},
	{"misses-deadline", schedules, "By the forecast not all of the campaign is sent before its `deadline`: `plan` and `validate --now` say it, and `validate` of schedules. `run` does not begin it.", ""},
	{"would-expire", schedules, "By the forecast a part of the campaign expires before it is sent.", "it depends on the time: `plan` and `validate --now` say it"},
	{"idle-stage", schedules, "A stage would change nothing.", ""},

	{"unknown-target", accounts, "The profile has no account of that name.", ""},
	{"wrong-system", accounts, "The account is of another system than the channel needs.", ""},
	{"wrong-target", accounts, "A lock file belongs to another account.", needsLock},
	{"reserved-header", accounts, "A header is one that the program sets itself.", ""},
	{"inline-secret", accounts, "A secret stands in the file: it would be committed. Secrets are references.", ""},
	{"likely-secret", accounts, "A value looks like a secret, by its name or by its form. It would be committed, and sent with the message.", ""},
	{"unused-target", accounts, "No campaign of the project goes to an account. Said when the whole project is checked.", ""},
	{"unused-name", accounts, "No campaign of the project uses a sender, message type or signature that an account has a name for. Said when the whole project is checked.", ""},
	{"unknown-sender", accounts, "The account has no sender of that name.", ""},
	{"unknown-message-type", accounts, "The account has no message type of that name.", ""},
	{"unknown-signature", accounts, "The account has no signature of that name.", ""},
	{"unknown-environment", accounts, "There is no environment of that name.", behindSchema},
	{"route-prefix", accounts, "A route prefix is not a path.", behindSchema},
	{"conflict", accounts, "Two keys of an account say different things.", behindSchema},
	{"credential", accounts, "A secret does not say where it comes from, or says it twice.", behindSchema},
	{"secret-in-file", accounts, "A secret stands where its source is wanted.", behindSchema},
	{"channel", accounts, "The account cannot send over this channel.", behindSchema},
	{"category", accounts, "A message's category is not one of the platform's.", behindSchema},
	{"level", accounts, "A message's level is not one of the platform's.", behindSchema},
	{"usertype", accounts, "A user type is neither of the platform's.", behindSchema},
	{"choice", accounts, "A value is not one of two that the platform knows.", behindSchema},
	{"id", accounts, "A number that the platform gives out is not from 1 on.", behindSchema},
	{"url", accounts, "An address is not whole, carries a password, or goes on behind the path.", behindSchema},
	{"bad-notice", accounts, "The body of a webhook is no template of JSON.", ""},
	{"required", accounts, "Something that the request must have is given neither here nor by the account.", ""},
	{"type", accounts, "A block has a value of another type than the request needs.", behindSchema},
	{"empty", accounts, "A text that the request needs is empty.", behindSchema},
	{"body-is-file-name", accounts, "The body is the name of a file: the words would be sent.", behindSchema},

	{"template-syntax", templates, "A template cannot be read.", ""},
	{"template-forbidden", templates, "A template uses what templates here do not have, as loops over data or definitions.", ""},
	{"unknown-function", templates, "A template calls a function that there is not.", ""},
	{"template-arguments", templates, "A function gets too few, too many or wrong arguments.", ""},
	{"unknown-variable", templates, "A template or list names a variable that neither a column nor the file gives.", ""},
	{"template-html", templates, "A template stands where its value cannot be made safe in HTML.", ""},
	{"template-address", templates, "A template stands where it could lead an address elsewhere.", ""},
	{"too-large", templates, "A template, or what it makes for somebody, is larger than is sent.", needsBytes},
	{"bad-number", templates, "A template needs a number, and the cell holds none.", ""},
	{"bad-date", templates, "A template needs a date, and the cell holds none.", ""},
	{"empty-text", templates, "What must have a text is empty for somebody.", ""},
	{"formula-error", templates, "A cell of a workbook holds the error of a formula.", needsBytes},
	{"duplicate-variable", templates, "Two things that templates read have the same name.", ""},
	{"reserved-name", templates, "A variable has the name of one that every template has.", ""},

	{"html-tag", html, "A tag is misspelt or not closed with `>`.", ""},
	{"html-unclosed", html, "An element is opened and never closed.", ""},
	{"html-nesting", html, "Elements are closed in another order than they were opened, or never opened.", ""},
	{"html-script", html, "The body holds a script, which readers of messages do not run.", ""},
	{"html-handler", html, "An element has a handler such as `onclick`.", ""},
	{"html-javascript", html, "A link holds a script.", ""},
	{"html-form", html, "The body holds a form, which leads nowhere in a message.", ""},

	{"missing-column", lists, "A list has no column of that name.", ""},
	{"no-header", lists, "A list has no row with the columns' names where one is wanted.", ""},
	{"empty-header", lists, "A column has no name.", ""},
	{"duplicate-header", lists, "Two columns have the same name.", ""},
	{"too-many-columns", lists, "A list has more columns than are read.", needsBytes},
	{"not-the-header", lists, "The row of the columns' names is probably another one: a title stands above.", ""},
	{"repeated-header", lists, "The columns' names stand again among the rows.", ""},
	{"stop-not-found", lists, "The text of `stop_at` is in no row.", ""},
	{"rows-after-stop", lists, "Rows follow behind the text of `stop_at`.", ""},
	{"nul-byte", lists, "A list of text holds a zero byte.", needsBytes},
	{"bad-quote", lists, "A quote stands inside a cell, or text behind a closing one.", ""},
	{"quote-not-closed", lists, "A quoted cell does not end.", ""},
	{"line-too-long", lists, "A line is longer than is read.", needsBytes},
	{"too-many-problems", lists, "More than a hundred thousand rows of a list are wrong: the rest of it is not read.", needsBytes},
	{"row-too-short", lists, "A row has fewer cells than the header.", ""},
	{"row-too-long", lists, "A row has more cells than the header.", ""},
	{"other-separator", lists, "Cells seem to be separated by another character.", ""},
	{"not-utf8", lists, "A list is not UTF-8, as it should be.", needsBytes},
	{"other-format", lists, "A list is of another format than its name says.", ""},
	{"other-encoding", lists, "A list is in another encoding than `encoding` says.", needsBytes},
	{"encoding-guessed", lists, "A list's encoding was guessed from its text: look at the names, or give `encoding`.", needsBytes},
	{"encoding-unknown", lists, "A list's encoding could not be guessed.", needsBytes},
	{"not-packed", lists, "A list with the ending `.gz` is not packed, or damaged.", ""},
	{"packed-too-tightly", lists, "A packed list or workbook becomes far larger than it is: it is not read.", needsBytes},
	{"bad-json", lists, "A record is not JSON.", ""},
	{"bad-yaml", lists, "A record is not YAML.", ""},
	{"not-a-list", lists, "A JSON or YAML file is no list of records.", ""},
	{"not-flat", lists, "A record holds lists or mappings, or is no mapping.", ""},
	{"record-too-long", lists, "A record is longer than is read.", needsBytes},
	{"file-changed", lists, "A list was written while it was read.", "it needs two programs at a time"},
	{"no-such-sheet", lists, "A workbook has no sheet of that name.", needsBytes},
	{"bad-workbook", lists, "A workbook is damaged.", needsBytes},
	{"merged-header", lists, "Cells of a workbook's header are merged: columns have no name of their own.", needsBytes},
	{"hidden-rows", lists, "A workbook has hidden or filtered rows. They are recipients like any others.", needsBytes},
	{"empty-required", lists, "A cell that must hold something is empty.", ""},
	{"mangled-id", lists, "An id looks as a spreadsheet leaves it when it takes it for a number, as `1.23457E+17`: the digits are lost.", ""},
	{"not-found", lists, "A row's key is not in the directory of `lookup`.", ""},
	{"ambiguous-key", lists, "A row's key is more than once in the directory of `lookup`.", ""},
	{"duplicate-recipient", lists, "Several rows are of the same recipient: the first of them is sent, the others are left out.", ""},

	{"no-recipients", audience, "Nobody is left to get it.", ""},
	{"unknown-recipient", audience, "A trial or a follow-up names somebody who is not in the list, or a follow-up somebody who stands in several rows.", "only `plan` and `run` take `--to`"},
	{"max-recipients", audience, "More people would get it than `max_recipients` allows.", ""},
	{"expected-rows", audience, "The list has another number of rows than `expect` says.", ""},
	{"must-include", audience, "Somebody who must get it would not.", ""},
	{"must-exclude", audience, "Somebody who must not get it would.", ""},
	{"exclusion-matched-nothing", audience, "A list of exclusions leaves nobody out: it may be for another campaign, or name people differently.", ""},
	{"empty-stage", audience, "A stage adds nobody.", ""},
	{"no-groups", audience, "A campaign for groups names none.", behindSchema},
	{"no-groups-lock", audience, "Groups are chosen by their names, and no lock file says which there are.", ""},
	{"no-group-matches", audience, "No group has a name that matches.", needsLock},

	{"approval-stale", approvals, "An approval does not hold any more: what it approves is not what the files say now, and nothing is sent under it. `campaign approve` writes a new one.", ""},
	{"approval-unused", approvals, "An approval is for a campaign or a profile that does not exist.", ""},

	{"unused-ignore", comments, "A comment ignores what is not there, what is no rule, or an error.", ""},
}
