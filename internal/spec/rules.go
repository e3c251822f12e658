package spec

// The rule ids of this room. They are stable: people filter and search by them.
const (
	// The file as a whole.
	ruleUnreadable     = "unreadable-file"
	ruleTooBig         = "file-too-big"
	ruleEncoding       = "encoding"
	ruleEmptyFile      = "empty-file"
	ruleSyntax         = "syntax"
	ruleSecondDocument = "second-document"
	ruleTooDeep        = "too-deep"
	ruleTooMany        = "too-many-values"

	// YAML that means something else than it looks like.
	ruleTemplate     = "unquoted-template"
	ruleDuplicateKey = "duplicate-key"
	ruleKeyNotText   = "key-not-text"
	ruleMergeKey     = "merge-key"
	ruleTag          = "unsupported-tag"
	ruleAliasCycle   = "alias-cycle"
	ruleNumber       = "ambiguous-number"
	ruleDate         = "unquoted-date"
	ruleUnquoted     = "unquoted-text"

	// Keys and values.
	ruleUnknownKey    = "unknown-key"
	ruleMissingKey    = "missing-key"
	ruleConflict      = "conflicting-keys"
	ruleExactlyOne    = "exactly-one"
	ruleWrongType     = "wrong-type"
	ruleEmpty         = "empty-value"
	ruleBadValue      = "bad-value"
	ruleBadFormat     = "bad-format"
	ruleTooLong       = "too-long"
	ruleRange         = "out-of-range"
	ruleDuplicateItem = "duplicate-item"
	ruleNoTemplate    = "template-not-allowed"
	ruleNotForGroups  = "not-for-groups"
	ruleNotForUsers   = "not-for-users"
	ruleTimezone      = "unknown-timezone"
	ruleURL           = "bad-url"
	ruleGlob          = "bad-glob"
	ruleNotice        = "bad-notice"
	ruleVariable      = "bad-variable-name"
	ruleSpan          = "bad-span"
	ruleOverlap       = "overlapping-spans"
	ruleStageOrder    = "stage-order"
	ruleIdleStage     = "idle-stage"
	ruleDates         = "bad-dates"
	ruleCalendar      = "bad-calendar"
	ruleHeader        = "reserved-header"
	ruleInlineSecret  = "inline-secret"
	ruleLikelySecret  = "likely-secret"

	// Files that a file names.
	ruleOutside     = "file-outside-project"
	ruleHidden      = "hidden-file"
	ruleMissingFile = "missing-file"
	ruleFileType    = "file-type"
	ruleFileFormat  = "file-format"
	ruleLiteralFile = "literal-looks-like-file"

	// Across files.
	ruleDuplicateName = "duplicate-name"
	ruleUnknownTarget = "unknown-target"
	ruleWrongSystem   = "wrong-system"
	ruleWrongTarget   = "wrong-target"
	ruleWrongCampaign = "wrong-campaign"

	// Comments.
	ruleUnusedIgnore = "unused-ignore"
)
