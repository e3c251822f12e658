package zqt

import "campaign/internal/targets"

// displayRecipient writes sendData.params.recipient, which the inbox shows:
// {'orgId':'…','esNameList':[…],'companyIdList':[…],'linkmenTypeList':[…]}. All
// four keys are always there, as in the document.
func displayRecipient(n targets.Node) string {
	if !n.IsMapping() {
		n.Report("type", "must be a mapping", "")
	}
	text := appendSingleQuoted([]byte(`{'orgId':`), n.Get("org").Text())
	text = appendList(append(text, `,'esNameList':`...), n.Get("tags").Texts())
	text = appendList(append(text, `,'companyIdList':`...), n.Get("companies").Texts())
	text = appendList(append(text, `,'linkmenTypeList':`...), n.Get("contact_types").Texts())
	return string(append(text, '}'))
}

func appendList(to []byte, texts []string) []byte {
	to = append(to, '[')
	for i, text := range texts {
		if i > 0 {
			to = append(to, ',')
		}
		to = appendSingleQuoted(to, text)
	}
	return append(to, ']')
}

// attachmentFiles writes sendData.params.attfiles: [{'name':'…','path':'…'},…].
func attachmentFiles(list []targets.Node) string {
	text := []byte{'['}
	for i, item := range list {
		if i > 0 {
			text = append(text, ',')
		}
		if !item.IsMapping() {
			item.Report("type", "must be a mapping with name and path", "")
			continue
		}
		text = appendSingleQuoted(append(text, `{'name':`...), item.Get("name").Required().Text())
		text = appendSingleQuoted(append(text, `,'path':`...), item.Get("path").Required().Text())
		text = append(text, '}')
	}
	return string(append(text, ']'))
}
