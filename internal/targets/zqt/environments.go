package zqt

// Environment is an address that the document lists (zqt-msgcenter-send, domain
// 说明).
type Environment struct {
	Name        string
	BaseURL     string
	RoutePrefix string // stands between the base URL and the document's routes
	Serves      string
}

// Environments are the documented ones, in the document's order.
var Environments = []Environment{
	{"zhuoyi-test", "https://test-gateway.eazytec-cloud.com", routePrefix, "园企通 行业政企通 乡镇政企通 协会政企通 (测试)"},
	{"zhuoyi", "https://gateway.eazytec-cloud.com", routePrefix, "园企通 行业政企通 乡镇政企通 协会政企通 (线上)"},
	{"yixing-test", "https://test-gateway.eazytec-cloud.com/YX", routePrefix, "宜兴政企通 (测试)"},
	{"yixing", "https://gateway.eazytec-cloud.com/YX", routePrefix, "宜兴政企通 (线上)"},
	{"yixing-extranet-vpn", "http://10.36.12.1:8000/YX", routePrefix, "宜兴政企通-政务外网 (线上, VPN)"},
	{"yixing-extranet", "http://2.18.243.11:8000/YX", routePrefix, "宜兴政企通-政务外网 (线上)"},
	{"jiangsu-test", "https://test-gateway.eazytec-cloud.com/JS", routePrefix, "江苏政企通 (测试)"},
	{"jiangsu", "https://gateway.eazytec-cloud.com/JS", routePrefix, "江苏政企通 (线上)"},
	// The document says of 安可: 后续路由中忽略/AGCS_zqc.
	{"anke-test", "http://192.168.16.163:8091", "", "安可 (测试)"},
}

// routePrefix is what the document's routes begin with.
const routePrefix = "/AGCS_zqc"

// environment finds a documented environment by its name.
func environment(name string) (Environment, bool) {
	for _, e := range Environments {
		if e.Name == name {
			return e, true
		}
	}
	return Environment{}, false
}

func environmentNames() []string {
	names := make([]string, len(Environments))
	for i, e := range Environments {
		names[i] = e.Name
	}
	return names
}
