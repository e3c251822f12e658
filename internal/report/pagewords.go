package report

// pageWords are what the page says beside the sentences, in one language.
type pageWords struct {
	Report, Search, Sort, Matches                        string // Matches: how many lines a search leaves
	Sandbox, Loopback, Trial                             string // what a run is marked with
	Verdict, Counts, Requests                            string
	LookFor, LookForHow                                  string
	Account, Address, Title, Sent, Between               string
	Attention, AttentionHow, None                        string
	MoreOf                                               string // how many of an outcome are not listed
	Row, Who, Outcome, Reason, Attempts                  string
	When, Delivery, Status, NoStatus                     string
	AndMore                                              string // how many others a request covers
	Stages, Stage, Rest, Passed                          string
	Reasons, Said, Others, OtherReasons                  string
	Time, TimeHow, Rate, Latency                         string
	TimeTable, From, Answers, Exchanges                  string
	Median, High, Longest, Seconds                       string
	RateLabel, LatencyLabel                              string // what a chart shows, for who cannot see it
	Failed, FailedHow, Retries, RetriesHow               string
	NoRetries, Slowest, SlowestHow, Took                 string
	Sources, SourcesHow, Cut, Hidden                     string
	Warnings, History, Omitted                           string
	What, Text, By                                       string
	About, Run, Profile, Occurrence                      string
	File, Channel, Began, Answered, Pace                 string
	PaceHow, Next, Halved, HalvedHow                     string
	Plan, Planner, Commit, NoCommit, Records, RecordsHow string
	Made, Files, FilesHow                                string
	State, Reports, NoReports                            string
	OlderRuns, UnreadReports, LastRuns                   string
	Follows, Followed                                    string
	Approved, ApprovedBy, ApprovedPlan, ApprovedCommit   string
}

var englishPage = pageWords{
	Report: "Report", Search: "Search these", Sort: "Sort by", Matches: "%d of %d shown",
	Sandbox: "Sandbox", Loopback: "Loopback", Trial: "Trial",
	Verdict: "Verdict", Counts: "Numbers", Requests: "requests",
	LookFor: "What to look for at the platform", LookForHow: "The answers to %s were lost. Look for them in the platform's own console, then settle each with `campaign resolve`.",
	Account: "Account", Address: "Address", Title: "Title or name", Sent: "Sent", Between: "between %s and %s, by this machine's clock",
	Attention: "Who needs attention", AttentionHow: "Recipients that the platform did not certainly take on, in the order of the list. Ids are masked; every id in full stands in `recipients.ndjson`.",
	None: "Nobody.", MoreOf: "%s %s: %s listed, and %s more in `recipients.ndjson`",
	Row: "Row", Who: "Recipient", Outcome: "Outcome", Reason: "Reason", Attempts: "Attempts",
	When: "When", Delivery: "Delivery", Status: "HTTP status", NoStatus: "none",
	AndMore: "and %s more",
	Stages:  "Stages", Stage: "Stage", Rest: "the rest", Passed: "Passed",
	Reasons: "Outcomes by reason", Said: "What was said", Others: "others", OtherReasons: "other reasons",
	Time: "Over time", TimeHow: "Each column is %s. Pauses between invocations are part of it.", Rate: "Requests a second, by their last answer",
	Latency: "Seconds from the record of an attempt to its answer", TimeTable: "The same as a table", From: "From", Answers: "Answers", Exchanges: "Attempts",
	Median: "Median", High: "95 of 100 within", Longest: "Longest", Seconds: "%s s",
	RateLabel: "Requests a second over time, at most %s, from %s to %s", LatencyLabel: "Seconds an attempt took over time, at most %s: median and 95 of 100",
	Failed: "Rejected requests", FailedHow: "The first %s of %s.", Retries: "Retries", RetriesHow: "%s beyond the first of each: %s were tried more than once, the most tried one %s times.",
	NoRetries: "No request was tried more than once.", Slowest: "Slowest attempts", SlowestHow: "Waiting for the account's limits is part of it.", Took: "Took",
	Sources: "Campaign file and content as sent", SourcesHow: "As they were when the run began; edits made since change nothing of it.", Cut: "Only the beginning is shown.", Hidden: "The recipients that stand in this file are not shown.",
	Warnings: "Warnings", History: "History", Omitted: "%s more", What: "What", Text: "More", By: "By",
	About: "This run", Run: "Run", Profile: "Profile", Occurrence: "Occurrence", File: "Campaign file", Channel: "Channel", Began: "Began",
	Answered: "First and last answer", Pace: "Pace", PaceHow: "%s attempts in %s, %s requests a second, pauses included", Next: "Next attempt, not before",
	Halved: "Halved after a refusal", HalvedHow: "%s of the planned requests; %s stand in their place",
	Plan: "Plan digest", Planner: "planner", Commit: "Commit of the project", NoCommit: "not known: the folder was no checkout",
	Records: "Digest of the records", RecordsHow: "`campaign verify` holds this report against the ledger.",
	Made: "Made", Files: "Beside this page", FilesHow: "`report.json` (all numbers), `report.md`, `recipients.ndjson` (every recipient, ids in full)",
	Follows: "This run follows up", Followed: "Followed up by",
	Approved: "Approved", ApprovedBy: "by %s at %s", ApprovedPlan: "plan %s", ApprovedCommit: "committed by %s",
	State: "State", Reports: "Reports", NoReports: "No reports yet.", OlderRuns: "Older runs that are not listed: %s.",
	UnreadReports: "Reports that could not be read: %s.", LastRuns: "Outcomes of the last %s runs, the oldest first",
}

var chinesePage = pageWords{
	Report: "报告", Search: "在下表中查找", Sort: "排序：", Matches: "显示 %d / %d 行",
	Sandbox: "沙箱", Loopback: "本机", Trial: "试发",
	Verdict: "结论", Counts: "数量", Requests: "请求",
	LookFor: "到平台核实什么", LookForHow: "%s的回应丢失。请在平台自己的管理界面中查找，然后用 `campaign resolve` 逐一核定。",
	Account: "账号", Address: "地址", Title: "标题或名称", Sent: "发送时间", Between: "%s 至 %s，以本机时钟为准",
	Attention: "需要关注的接收人", AttentionHow: "平台未确定受理的接收人，按名单顺序排列。标识已遮盖；完整标识在 `recipients.ndjson` 中。",
	None: "没有。", MoreOf: "%[2]s %[1]s 个：已列出 %[3]s 个，另有 %[4]s 个在 `recipients.ndjson` 中",
	Row: "行", Who: "接收人", Outcome: "结果", Reason: "原因", Attempts: "尝试次数",
	When: "时间", Delivery: "请求", Status: "HTTP 状态", NoStatus: "无",
	AndMore: "另有 %s 个",
	Stages:  "阶段", Stage: "阶段", Rest: "其余", Passed: "通过",
	Reasons: "按原因统计", Said: "对方说明", Others: "其他", OtherReasons: "其他原因",
	Time: "随时间变化", TimeHow: "每格为 %s，包括各次执行之间的停顿。", Rate: "每秒请求数（按最后一次回应）",
	Latency: "从记录尝试到收到回应的秒数", TimeTable: "以表格显示", From: "起", Answers: "回应", Exchanges: "尝试",
	Median: "中位数", High: "95/100 不超过", Longest: "最长", Seconds: "%s 秒",
	RateLabel: "每秒请求数随时间的变化，最高 %s，从 %s 到 %s", LatencyLabel: "每次尝试所用秒数随时间的变化，最高 %s：中位数与 95/100",
	Failed: "被拒绝的请求", FailedHow: "共 %[2]s 个，列出前 %[1]s 个。", Retries: "重试", RetriesHow: "首次之外共 %s 次：%s 个请求尝试了多次，最多的一个 %s 次。",
	NoRetries: "没有请求尝试过多次。", Slowest: "最慢的尝试", SlowestHow: "包括等待账号限额的时间。", Took: "用时",
	Sources: "发送时的活动文件与内容", SourcesHow: "为本次执行开始时的内容；此后的修改不影响本次执行。", Cut: "只显示开头。", Hidden: "文件中的接收人名单未显示。",
	Warnings: "警告", History: "经过", Omitted: "另有 %s 条", What: "事项", Text: "说明", By: "执行者",
	About: "本次执行", Run: "执行编号", Profile: "环境", Occurrence: "场次", File: "活动文件", Channel: "渠道", Began: "开始",
	Answered: "首次与最后回应", Pace: "速度", PaceHow: "%s 次尝试，历时 %s，每秒 %s 个请求（含停顿）", Next: "下次尝试不早于",
	Halved: "被拒后拆分", HalvedHow: "计划的请求中有 %s 个，由 %s 个代替",
	Plan: "计划摘要", Planner: "计划器", Commit: "项目提交", NoCommit: "不详：目录不是检出的仓库",
	Records: "记录摘要", RecordsHow: "`campaign verify` 可将本报告与台账核对。",
	Made: "生成", Files: "同目录文件", FilesHow: "`report.json`（全部数字）、`report.md`、`recipients.ndjson`（每个接收人，标识完整）",
	Follows: "本次跟进", Followed: "由其跟进",
	Approved: "审批", ApprovedBy: "%s 于 %s 批准", ApprovedPlan: "计划 %s", ApprovedCommit: "由 %s 提交",
	State: "状态", Reports: "报告一览", NoReports: "还没有报告。", OlderRuns: "另有 %s 次较早的执行未列出。",
	UnreadReports: "%s 份报告无法读取。", LastRuns: "最近 %s 次执行的结果，从早到晚",
}
