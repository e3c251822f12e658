package sandbox

import (
	"net/http"
	"strconv"
)

// Group is a user group as group_list shows it.
type Group struct {
	ID          int64
	Title       string
	Type        int // 1 imported users, 2 tag group
	Department  string
	Status      int
	OperateTime string // 2006-01-02 15:04:05
	Operator    string
	Tags        []Tag
	People      int
}

// Tag is one condition of a tag group.
type Tag struct {
	Code  string // work_unit
	Name  string // 工作单位
	Value string
}

// groupRecord is a record in the form of the document's example: type and status
// are strings there, though its table says int.
type groupRecord struct {
	ID          int64       `json:"id"`
	Title       string      `json:"title"`
	Type        string      `json:"type"`
	Department  string      `json:"department"`
	Status      string      `json:"status"`
	OperateTime string      `json:"operate_time"`
	Operator    string      `json:"operator"`
	Tags        []tagRecord `json:"tags"`
	People      int         `json:"pnum"`
}

type tagRecord struct {
	CreatedAt int64  `json:"created_at"` // milliseconds
	CreatedBy string `json:"created_by"`
	UpdatedAt int64  `json:"updated_at"`
	UpdatedBy string `json:"updated_by"`
	GroupID   int64  `json:"group_id"`
	Code      string `json:"tag_code"`
	Name      string `json:"tag_name"`
	Tenant    int    `json:"tenant_id"`
	Relation  string `json:"relational_symbols"`
	Value     string `json:"value1"`
}

func (g Group) record() groupRecord {
	tags := make([]tagRecord, 0, len(g.Tags))
	for _, t := range g.Tags {
		tags = append(tags, tagRecord{
			CreatedAt: 1700000000000, CreatedBy: "sandbox", UpdatedAt: 1700000000000, UpdatedBy: "sandbox",
			GroupID: g.ID, Code: t.Code, Name: t.Name, Tenant: 1, Relation: "value", Value: t.Value,
		})
	}
	return groupRecord{
		ID: g.ID, Title: g.Title, Type: strconv.Itoa(g.Type), Department: g.Department, Status: strconv.Itoa(g.Status),
		OperateTime: g.OperateTime, Operator: g.Operator, Tags: tags, People: g.People,
	}
}

// groupPage answers group_list in the form of the document's 返回示例. A page after
// the last one is empty.
func groupPage(groups []Group, size, current int64) answer {
	type page struct {
		Records []groupRecord `json:"records"`
		Total   int64         `json:"total"`
		Size    int64         `json:"size"`
		Current int64         `json:"current"`
		Pages   int64         `json:"pages"`
	}
	type data struct {
		List page `json:"list"`
	}
	total := int64(len(groups))
	pages := total / size
	if total%size > 0 {
		pages++
	}
	list := page{Records: []groupRecord{}, Total: total, Size: size, Current: current, Pages: pages}
	if current <= pages {
		first := (current - 1) * size
		for _, g := range groups[first : min(total-first, size)+first] {
			list.Records = append(list.Records, g.record())
		}
	}
	return jsonAnswer(http.StatusOK, struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
		Data    data   `json:"data"`
	}{0, "success", data{list}})
}

// DefaultGroups returns made-up groups, ids 101 to 160, the same on every call:
// each of twelve streets has four tag groups and one of imported users.
func DefaultGroups() []Group {
	streets := []string{
		"太平街道", "清泉街道", "柳河镇", "望湖街道", "石桥镇", "东山街道",
		"长兴路街道", "竹溪镇", "金沙街道", "双塔镇", "云林街道", "南浦街道",
	}
	kinds := []struct{ title, department, code, name string }{
		{"居民", "民政局", "live_address", "居住地址"},
		{"职工", "总工会", "work_unit", "工作单位"},
		{"商户", "市场监管局", "shop_street", "经营地址"},
		{"网格员", "应急管理局", "grid", "所属网格"},
		{"导入用户", "融媒体中心", "", ""},
	}
	var groups []Group
	for _, street := range streets {
		for _, kind := range kinds {
			n := len(groups)
			g := Group{
				ID: int64(101 + n), Title: street + kind.title, Type: 1, Department: kind.department, Status: 1,
				OperateTime: "2026-01-02 09:00:00", Operator: "演示", People: 120 + n*37%900,
			}
			if kind.code != "" {
				g.Type, g.Tags = 2, []Tag{{kind.code, kind.name, street}}
			}
			groups = append(groups, g)
		}
	}
	return groups
}
