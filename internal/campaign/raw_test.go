package campaign

import (
	"encoding/json"
	"testing"
)

func TestRawText(t *testing.T) {
	value := map[string]any{"b": []any{json.Number("1.50"), true, nil}, "a": "<p>&\u2028"}
	for name, c := range map[string]struct {
		raw  Raw
		want string
	}{
		"a value":         {Raw{Value: value}, "{\"a\":\"<p>&\\u2028\",\"b\":[1.50,true,null]}"},
		"JSON":            {Raw{JSON: []byte(`{"a": 1}`)}, `{"a": 1}`},
		"JSON goes first": {Raw{JSON: []byte(`{}`), Value: value}, `{}`},
		"nothing":         {Raw{}, ""},
	} {
		if got := string(c.raw.Text()); got != c.want {
			t.Errorf("%s: %s instead of %s", name, got, c.want)
		}
	}
}
