package language

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestChinese(t *testing.T) {
	for english, want := range map[string]string{
		// a sentence, its holes, another order
		"remove one":                                "请删除一个",
		`key "titel" is unknown in content`:         `content 中没有键 "titel"`,
		`key "name" is missing in the file`:         `文件中缺少键 "name"`,
		"item 2 of days must be text, not a list":   "days 的第 2 项必须是文本，不能是列表",
		"cron must be text or a list, not a number": "cron 必须是文本或列表，不能是数字",
		// the longer sentence wins
		"this recipient stands in recipients/no.csv, which must_exclude names": "这个接收人在 must_exclude 所写的 recipients/no.csv 中",
		// errors inside of errors, numbers of things, remarks
		"campaign: list.csv: row 3: the row has 4 cells, the header has 3":              "campaign: list.csv：第 3 行：该行有 4 个单元格，表头有 3 个",
		"3 files, 1 problem, 0 warnings":                                                "3 个文件，1 个问题，0 个警告",
		"did you mean mon? one of mon, tue":                                             "您是否想写“mon”？可选值：mon, tue",
		"the file holds nothing (profile test)":                                         "文件是空的（环境 test）",
		`quote it: "2026-12-31" if it is text`:                                          `如果是文本，请加引号："2026-12-31"`,
		"remove it; quote it if it is text":                                             "请删除；如果是文本（例如证件号、编号），请加引号",
		"[sandbox] notice (run abc): the token was renewed":                             "[sandbox] notice（执行 abc）：令牌已更新",
		"many.yaml:7:28: the list has no row: there is nobody to send to [empty-value]": "many.yaml:7:28：名单没有任何行：没有可发送的对象 [empty-value]",
		// amounts of money are values; what begins a sentence is no list of words
		"it costs at most 12.00 CNY, without pushes and voice calls":        "费用至多 12.00 CNY，不含推送和语音电话",
		"at most 3 messages, 240 SMS":                                       "至多 3 条消息，240 条短信",
		"campaign: nothing was approved: a.yaml: no such file or directory": "campaign: 没有批准：a.yaml：没有这个文件或目录",
		// a forecast is put together from parts
		"2,235 of 4,000 user groups would spill past 20:00 (2026-12-01, Asia/Shanghai): begun at 19:00 (2026-12-01, Asia/Shanghai), at 1 request per minute, inside its window, it ends at 21:15:58 (2026-12-01, Asia/Shanghai) at the earliest": "4,000 个用户组中有 2,235 个来不及在截止时间 20:00 (2026-12-01, Asia/Shanghai) 之前发出：19:00 (2026-12-01, Asia/Shanghai) 开始，每分钟 1 个请求，只在发送时段内发送，最早于 21:15:58 (2026-12-01, Asia/Shanghai) 结束",
		"what would do: rate: 68/m under delivery; or begin it by 17:44 (2026-12-01, Asia/Shanghai)": "可行的办法：把 delivery 下的 rate 设为 68/m；或者最晚于 17:44 (2026-12-01, Asia/Shanghai) 开始",
		// and so is why an approval does not hold
		"it was approved with other content: a.html has changed, c.csv is new in it, 5 would be sent to now, and 4 in the plan": "审批时的内容与现在不同：a.html 有改动，c.csv 是新增的，现在将发给 5 个，计划中为 4 个",
		// a key, a file or a value with the name of a word stays
		"name: the file holds nothing":   "name：文件是空的",
		"type must be text, not nothing": "type 必须是文本，不能是空值",
	} {
		if got, ok := Chinese(english); !ok || got != want {
			t.Errorf("%q\n got %q, %v\nwant %q", english, got, ok, want)
		}
	}
}

// TestEnglishStays covers what is not known, or could be read in two ways.
func TestEnglishStays(t *testing.T) {
	for _, text := range []string{
		"", " ", "42", "no such thing was ever said", "sheet of paper", "{\"kind\": \"progress\"}",
		"push: 已完成",                                               // a campaign with the name of a word
		"a list of things needs a name of its own",                // a short sentence, found by chance
		"x is also the name of y is also the name of z",           // which of the two is the sentence?
		strings.Repeat("x: ", longest) + "the file holds nothing", // too long
		"the file holds nothing\xff",
	} {
		if got, ok := Chinese(text); ok || got != text {
			t.Errorf("%.60q became %.60q", text, got)
		}
	}
}

func TestLines(t *testing.T) {
	const english = "  the file holds nothing\n12 | the source: stays\n\n\tno tab is an indentation\nremove one"
	const want = "  文件是空的\n12 | the source: stays\n\n\tno tab is an indentation\n请删除一个"
	if got := Lines(english); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// TestCatalogueErrors covers files that a person would write wrong.
func TestCatalogueErrors(t *testing.T) {
	for text, want := range map[string]string{
		"one thing\n":                        "has no Chinese sentence",
		"one thing\nanother\n\t另一个\n":        "zh/a.txt:1",
		"\t一个\n":                             "without an English one",
		"one thing\n\t一个\none thing\n\t两个\n": "is in zh/a.txt too",
		"%s of %d\n\t%s 的\n":                 "nothing may be left out",
		"%s of it\n\t%[2]s 的\n":              "named out of them",
		"%s of %s\n\t%[1]s 的 %[1]s\n":        "twice",
		"%s%d of it\n\t%s 的 %d\n":            "touch",
	} {
		if _, err := open(fstest.MapFS{"zh/a.txt": {Data: []byte(text)}}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	if _, err := open(texts); err != nil {
		t.Error(err)
	}
}

// hostile draws a value that tries to be more than a value. Marks at its ends keep it
// from being a sentence of the catalogue as a whole. whole: it has no words of
// sentences, which together may read as another sentence.
func hostile(t *rapid.T, b *book, mark string) (value string, whole bool) {
	pieces := []string{": ", "; ", ", ", " (", ")", " is ", " and ", "%s", "%!s(MISSING)", "\"", "`", "：", "，", "已送达", " ", "\n", "[x]", "{{ }}", "$1", "(?s).*", "\x1b[31m"}
	var v strings.Builder
	v.WriteString(mark)
	words := rapid.Bool().Draw(t, "words of sentences") // or what joins them: both together would be a sentence
	for range rapid.IntRange(0, 4).Draw(t, "pieces") {
		if words {
			p := rapid.SampledFrom(b.patterns).Draw(t, "sentence")
			if text := []rune(rapid.SampledFrom(p.between).Draw(t, "text")); len(text) > 0 { // all but its end, and in one piece: else it would be one
				v.WriteString(strings.NewReplacer(": ", ":", "; ", ";", ", ", ",").Replace(string(text[:len(text)-1])))
			}
		} else {
			v.WriteString(rapid.SampledFrom(pieces).Draw(t, "piece"))
		}
	}
	v.WriteString(mark)
	return v.String(), !words
}

// divided are the parts of a value between what joins sentences: there it may be cut,
// and the sign be a Chinese one.
func divided(value string) []string {
	return strings.Split(strings.NewReplacer(": ", "\x00", "; ", "\x00", ", ", "\x00", " (", "\x00", ")", "\x00", " and ", "\x00", " or ", "\x00").Replace(value), "\x00")
}

// TestNothingIsDropped fills every sentence with hostile values: whatever comes out holds
// each of them as it was; of those with words of sentences, their marks.
func TestNothingIsDropped(t *testing.T) {
	b := catalogue()
	rapid.Check(t, func(t *rapid.T) {
		p := rapid.SampledFrom(b.patterns).Draw(t, "sentence")
		text, values, marks := p.between[0], []string{}, []string{}
		for i, kind := range p.holes {
			mark := fmt.Sprintf("§%d§", i)
			value, whole := hostile(t, b, mark)
			switch {
			case p.isSentence(i + 1): // another sentence stands there
				value = mark
			case kind == 'd':
				value = strconv.Itoa(rapid.IntRange(-9, 1_000_000).Draw(t, "number"))
			case kind == 'q':
				value = strconv.Quote(value)
			}
			if marks = append(marks, mark); whole || !strings.Contains(value, mark) {
				values = append(values, value)
			}
			text += value + p.between[i+1]
		}
		said, ok := Chinese(text)
		if again, _ := Chinese(text); again != said {
			t.Fatalf("%q: once %q, once %q", text, said, again)
		}
		if !ok && said != text {
			t.Fatalf("%q became %q and is called unknown", text, said)
		}
		for _, mark := range marks {
			if strings.Count(said, mark) != strings.Count(text, mark) {
				t.Fatalf("%q\nbecame %q\nwithout %q", text, said, mark)
			}
		}
		own := strings.Fields(p.english)
		for _, value := range values {
			for _, part := range divided(value) {
				for _, word := range strings.Fields(part) {
					if letters(word) < 4 && !strings.Contains(word, "§") || slices.Contains(own, word) {
						continue // it could be a word of the sentence
					}
					if !strings.Contains(said, word) {
						t.Fatalf("%q\nbecame %q\nwithout %q of %q", text, said, word, part)
					}
				}
			}
		}
	})
}

// TestSentencesInSentences joins sentences as errors are: no number and no quoted value
// is lost.
func TestSentencesInSentences(t *testing.T) {
	b := catalogue()
	rapid.Check(t, func(t *rapid.T) {
		var parts, values []string
		for range rapid.IntRange(1, 4).Draw(t, "parts") {
			p := rapid.SampledFrom(b.patterns).Draw(t, "sentence")
			text := p.between[0]
			for i := range p.holes {
				value := strconv.Itoa(1_000_000 + len(values))
				if p.holes[i] != 'd' {
					value = strconv.Quote("v" + value)
				}
				values = append(values, value)
				text += value + p.between[i+1]
			}
			parts = append(parts, text)
		}
		said, _ := Chinese(strings.Join(parts, rapid.SampledFrom([]string{": ", "; ", ", "}).Draw(t, "joined by")))
		for _, v := range values {
			if strings.Count(said, v) != 1 {
				t.Fatalf("%q\nbecame %q: %s", parts, said, v)
			}
		}
	})
}

func FuzzChinese(f *testing.F) {
	f.Add("campaign: a: b; c (d), e and f")
	f.Fuzz(func(t *testing.T, text string) {
		said, ok := Chinese(text)
		if !ok && said != text || utf8.ValidString(text) && !utf8.ValidString(said) {
			t.Errorf("%q became %q", text, said)
		}
	})
}

func BenchmarkChinese(b *testing.B) {
	for b.Loop() {
		Chinese(`row 3: content/title: key "titel" is unknown in content (profile test)`)
	}
}
