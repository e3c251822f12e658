package chuanbo

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"campaign/internal/campaign"
	"campaign/internal/targets"
)

// Limits of the document's parameter table, in code points (upstream, decisions).
const (
	tagLimit   = 8
	smsLimit   = 70
	voiceLimit = 500
)

// kinds are what people get, by channel.
var kinds = map[string]string{Notification: campaign.KindNotification, SMS: campaign.KindSMS, Voice: campaign.KindVoice}

// Target decodes a campaign's channel and content.
func (a *account) Target(c *campaign.Campaign) (targets.Target, []campaign.Problem) {
	var problems []campaign.Problem
	channel := targets.Read(c.Channel.Raw, &problems)
	b := builder{account: a, channel: channel, content: targets.Read(c.Content.Raw, &problems), files: c.Content.Files, entries: make([]entry, 0, 16), texts: make([]targets.Text, 0, 4)}
	switch c.Channel.Type {
	case Notification:
		b.notification()
	case SMS:
		b.sms()
	case Voice:
		b.voice()
	default:
		channel.Get("type").Report("channel", fmt.Sprintf("target %q is a chuanbo account: it cannot send %s", a.name, c.Channel.Type),
			"choose another target, or a type of 传播通")
	}
	if targets.HasErrors(problems) {
		return nil, problems
	}
	return &target{
		account: a,
		layout:  targets.Layout{Groups: true, Fields: fields, Texts: b.texts, Kinds: []string{kinds[c.Channel.Type]}},
		url:     a.base.String() + pushCreate,
		entries: b.entries,
		uses:    slices.Concat(targets.UseOf("message_types", channel.Get("message_type")), targets.UseOf("signatures", b.content.Get("signature"))),
	}, problems
}

// entry is a field of push_create: a value that the campaign fixes, or where
// the value of each message comes from.
type entry struct {
	name   string
	origin origin
	value  string // asFixed
	text   int    // fromText: its index
}

type origin uint8

const (
	asFixed origin = iota
	fromText
	fromSecret
	fromGroups
)

// builder lists the fields of a campaign in the order of the document's table
// (二、创建推送, 请求参数).
type builder struct {
	account          *account
	channel, content targets.Node
	files            map[string]string // texts that stand in files
	entries          []entry
	texts            []targets.Text
}

// notification is notify_way 1: 系统通知.
func (b *builder) notification() {
	b.common("1")
	if icon := b.content.Get("icon"); icon.Exists() {
		b.fixed("push_icon", icon.Filled())
	}
	b.text("push_title", b.content.Get("title"), 0)
	b.text("push_content", b.content.Get("text"), 0)
}

// sms is notify_way 2: 短信推送.
func (b *builder) sms() {
	b.common("2")
	node := b.content.Get("signature").Required()
	b.number("msg_sign_id", named(node, "signature", b.account.name, b.account.signatures))
	b.text("msg_template", b.content.Get("text"), smsLimit)
}

// voice is notify_way 3: 语音消息.
func (b *builder) voice() {
	b.common("3")
	b.text("voice_content", b.content.Get("text"), voiceLimit)
}

// common lists what all three ways have.
func (b *builder) common(way string) {
	b.entries = append(b.entries, entry{name: "connectNo", origin: fromSecret})
	b.text("name", b.content.Get("name"), 0)
	b.number("section_id", b.section())
	node := b.channel.Get("message_type").Required()
	b.number("chuanbo_type_id", named(node, "message type", b.account.name, b.account.messageTypes))
	if directive, ok := id(b.channel.Get("directive")); ok {
		b.number("chuanbo_directive_id", directive)
	}
	b.fixed("notify_way", way)
	if tag := b.content.Get("tag"); tag.Exists() {
		b.fixed(b.account.tagField, tag.Filled())
		if n := utf8.RuneCountInString(tag.Text()); n > tagLimit {
			tag.Report("too-long", fmt.Sprintf("has %d characters, at most %d go", n, tagLimit), "")
		}
	}
	if link := b.content.Get("link"); link.Exists() {
		b.link(link)
	}
	b.entries = append(b.entries, entry{name: "chuanbo_group", origin: fromGroups})
}

// section is the campaign's own, or the account's.
func (b *builder) section() int64 {
	own := b.channel.Get("section")
	if own.Exists() {
		value, _ := id(own)
		return value
	}
	if b.account.section == 0 {
		b.channel.Report("required", `"section" is missing`, fmt.Sprintf("give it here or in account %q", b.account.name))
	}
	return b.account.section
}

// link lists where a tap leads: 2 稿件id, 4 通知.
func (b *builder) link(n targets.Node) {
	if !n.IsMapping() {
		n.Report("type", "must be a mapping with type and content", "")
		return
	}
	kind := n.Get("type").Required()
	switch text := kind.Text(); {
	case text == "article":
		b.fixed("link_type", "2")
	case text == "notice":
		b.fixed("link_type", "4")
	case kind.IsText():
		kind.Report("choice", "must be article or notice", "")
	}
	b.text("link_content", n.Get("content"), 0)
}

func (b *builder) fixed(name, value string) {
	b.entries = append(b.entries, entry{name: name, value: value})
}

func (b *builder) number(name string, value int64) {
	b.fixed(name, strconv.FormatInt(value, 10))
}

// text lists a required text that may hold a template.
func (b *builder) text(name string, n targets.Node, limit int) {
	b.entries = append(b.entries, entry{name: name, origin: fromText, text: len(b.texts)})
	source, file := n.Required().TextOrFile(b.files)
	if file != "" {
		source = strings.TrimSuffix(source, "\n") // the line end of a text file's last line is not said
	}
	b.texts = append(b.texts, targets.Text{Pointer: n.Pointer, File: file, Source: source, Required: true, Limit: limit})
}
