package main

import "testing"

func TestLanguage(t *testing.T) {
	for _, c := range []struct{ all, messages, lang, want string }{
		{"", "", "zh_CN.UTF-8", "zh"},
		{"", "", "zh-Hans-CN", "zh"},
		{"", "", "zh", "zh"},
		{"", "", "C.UTF-8", "en"},
		{"", "zh_CN", "en_US", "zh"},
		{"en_GB", "zh_CN", "zh_CN", "en"},
		{"", "", "zhx_XX", "en"},
	} {
		t.Setenv("LC_ALL", c.all)
		t.Setenv("LC_MESSAGES", c.messages)
		t.Setenv("LANG", c.lang)
		if got := language(); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}

func TestWithoutRecipients(t *testing.T) {
	for _, c := range []struct{ file, want string }{
		{"name: a\nrecipients:\n  list:\n    - {userid: u-1}\n\n# u-1 again\n- u-1\nvars: {x: y}\n", "name: a\nrecipients: …\nvars: {x: y}\n"},
		{"recipients: {list: [{userid: u-1},\n  {userid: u-2}\n]}\nname: a\n", "recipients: …\nname: a\n"},
		{"name: a\nrecipients:\r\n  list: [u-1]\r\n", "name: a\nrecipients: …\n"},
		{"{\"name\": \"a\", \"recipients\": {\"list\": []}}", ""},
		{"\"recipients\":\n  list: [u-1]\n", ""},
	} {
		if got := withoutRecipients(c.file); got != c.want {
			t.Errorf("%q becomes %q", c.file, got)
		}
	}
}
