package zqt

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"campaign/internal/campaign"
	"campaign/internal/targets"
)

// Categories and Levels are the values of msgcategory and msglevel: the
// document's lists, then the value that its example sends.
var (
	Categories = []string{"公共公示", "新闻通知", "政策公示", "会议通知", "通知公告"}
	Levels     = []string{"紧急", "重要", "普通", "一般"}
)

// Target decodes a campaign's channel and content.
func (a *account) Target(c *campaign.Campaign) (targets.Target, []campaign.Problem) {
	var problems []campaign.Problem
	channel := targets.Read(c.Channel.Raw, &problems)
	if c.Channel.Type != Channel {
		channel.Get("type").Report("channel", fmt.Sprintf("target %q is a zqt account: it cannot send %s", a.name, c.Channel.Type),
			"choose another target, or type: "+Channel)
		return nil, problems
	}
	from := party{}
	if node := channel.Get("from").Required(); node.Exists() {
		from = a.sender(node)
	}
	b := builder{files: c.Content.Files, json: make([]byte, 0, usualSize), parts: make([]part, 0, 8), texts: make([]targets.Text, 0, 8)}
	b.document(a, from, targets.Read(c.Content.Raw, &problems))
	if targets.HasErrors(problems) {
		return nil, problems
	}
	return &target{
		account: a,
		layout:  targets.Layout{Fields: fields, Identity: identity, Texts: b.texts, Kinds: append([]string{campaign.KindMessage}, b.kinds...)},
		url:     a.base.String() + a.prefix + route,
		parts:   b.finish(),
		uses:    targets.UseOf("senders", channel.Get("from")),
	}, problems
}

// builder writes a request's JSON once, up to its recipients, with a gap for
// each text that may hold a template.
type builder struct {
	files map[string]string
	texts []targets.Text
	json  []byte // of all parts
	begun int    // where the last part begins in it
	parts []part
	kinds []string // what people get beside the message
}

// part is JSON that all requests of a campaign share, and the text behind it.
type part struct {
	json []byte
	text int // index of the text, or -1
}

// document writes the body as the document shows it, in its order of keys.
// Optional values that the campaign does not give are left out.
func (b *builder) document(a *account, from party, content targets.Node) {
	b.raw(`{"sendData":{"appid":`).string(a.appID)
	b.raw(`,"appname":`).string(a.appName)
	b.raw(`,"title":`).text(content.Get("title").Required(), targets.Plain, true)
	b.raw(`,"body":`).body(content.Get("body").Required())
	if ext := content.Get("ext"); ext.Exists() {
		if !ext.IsMapping() {
			ext.Report("type", "must be a mapping", "")
		}
		b.raw(`,"extMap":`).value(ext)
	}
	b.raw(`,"msgtype":0`) // 政企消息
	if push := content.Get("push"); push.Exists() {
		b.raw(`,"needpush":` + b.also(campaign.KindPush, push.Bool()))
	}
	b.params(content)
	b.raw(`},"from":{"userid":`).string(from.userID)
	b.raw(`,"usertype":` + from.userType + `,"orgid":`).string(from.orgID)
	if from.deptID != "" {
		b.raw(`,"deptid":`).string(from.deptID)
	}
	b.raw(`},"to":[`)
}

// params writes sendData.params: all its values are strings.
func (b *builder) params(content targets.Node) {
	b.raw(`,"params":{"sender":`).string(content.Get("sender").Required().Filled())
	if recipient := content.Get("display_recipient"); recipient.Exists() {
		b.raw(`,"recipient":`).string(displayRecipient(recipient))
	}
	if attachments := content.Get("attachments"); attachments.Exists() {
		list := attachments.List()
		b.raw(`,"hasatt":"` + digit(len(list) > 0) + `"`)
		if len(list) > 0 {
			b.raw(`,"attfiles":`).string(attachmentFiles(list))
		}
	}
	b.raw(`,"msgcategory":`).string(oneOf(content.Get("category").Required(), "category", Categories))
	b.raw(`,"msglevel":`).string(oneOf(content.Get("level").Required(), "level", Levels))
	if reply := content.Get("needs_reply"); reply.Exists() {
		b.raw(`,"needreply":"` + digit(reply.Bool()) + `"`)
	}
	if sms := content.Get("sms"); sms.Exists() {
		b.raw(`,"needsms":"` + b.also(campaign.KindSMS, sms.Bool()) + `"`)
	}
	redirect := content.Get("redirect")
	if redirect.Exists() && !redirect.IsMapping() {
		redirect.Report("type", "must be a mapping with pc or app", "")
	}
	if pc := redirect.Get("pc"); pc.Exists() {
		b.raw(`,"redirect_pc":`).text(pc, targets.URL, false)
	}
	if app := redirect.Get("app"); app.Exists() {
		b.raw(`,"redirect_app":`).text(app, targets.URL, false)
	}
	b.raw(`}`)
}

// also notes what people get beside the message where yes says so, and writes that.
func (b *builder) also(kind string, yes bool) string {
	if yes {
		b.kinds = append(b.kinds, kind)
	}
	return digit(yes)
}

func digit(yes bool) string {
	if yes {
		return "1"
	}
	return "0"
}

// oneOf reads a value of a list that the document gives.
func oneOf(n targets.Node, rule string, values []string) string {
	text := n.Text()
	if n.IsText() && !slices.Contains(values, text) {
		n.Report(rule, fmt.Sprintf("%q is not one of %s", text, strings.Join(values, " ")), targets.Suggest(text, values))
	}
	return text
}

func (b *builder) raw(json string) *builder {
	b.json = append(b.json, json...)
	return b
}

// comma separates what follows from the elements before it.
func (b *builder) comma(before int) *builder {
	if before > 0 {
		b.raw(",")
	}
	return b
}

// string writes a text that no template is in. What comes here was decoded from
// JSON, so it is valid UTF-8.
func (b *builder) string(text string) {
	b.json, _ = appendString(b.json, text)
}

// text leaves a gap for a text that may hold a template.
func (b *builder) text(n targets.Node, escape targets.Escape, required bool) {
	b.gap(targets.Text{Pointer: n.Pointer, Source: n.Text(), Escape: escape, Required: required})
}

func (b *builder) gap(text targets.Text) {
	b.part(len(b.texts))
	b.texts = append(b.texts, text)
}

// part ends a part, behind which a text goes.
func (b *builder) part(text int) {
	b.parts = append(b.parts, part{b.json[b.begun:len(b.json):len(b.json)], text})
	b.begun = len(b.json)
}

// body leaves a gap for the HTML, which stands in the campaign or in a file.
func (b *builder) body(n targets.Node) {
	text := targets.Text{Pointer: n.Pointer, Escape: targets.HTML, Required: true}
	if !n.IsMapping() {
		text.Source = n.Text()
		if looksLikeFile(text.Source) {
			n.Report("body-is-file-name", fmt.Sprintf("the body would be the words %q", text.Source),
				fmt.Sprintf("to send the file's text write body: {file: %s}", text.Source))
		}
		b.gap(text)
		return
	}
	text.Source, text.File = n.TextOrFile(b.files)
	b.gap(text)
}

// looksLikeFile reports whether a literal body was meant as the name of a file.
func looksLikeFile(text string) bool {
	switch strings.ToLower(path.Ext(text)) {
	case ".html", ".htm", ".txt", ".md", ".tmpl":
		return !strings.ContainsAny(text, " \t\n<>")
	}
	return false
}

// value writes any value, with a gap for each text in it. Keys are in sorted
// order, and so are the gaps.
func (b *builder) value(n targets.Node) {
	switch v := n.Value().(type) {
	case string:
		b.text(n, targets.Plain, false)
	case map[string]any:
		b.raw(`{`)
		for i, key := range n.Keys() {
			b.comma(i).string(key)
			b.raw(`:`).value(n.Get(key))
		}
		b.raw(`}`)
	case []any:
		b.raw(`[`)
		for i, item := range n.List() {
			b.comma(i).value(item)
		}
		b.raw(`]`)
	case bool:
		b.raw(strconv.FormatBool(v))
	case fmt.Stringer: // json.Number: as it was written
		b.raw(v.String())
	default:
		b.raw(`null`)
	}
}

// finish closes the last part: what stands before the recipients.
func (b *builder) finish() []part {
	b.part(-1)
	return b.parts
}
