package main

import (
	"campaign/internal/targets"
	"campaign/internal/targets/chuanbo"
	"campaign/internal/targets/zqt"
)

// systems is the list of upstream systems that are plugged in.
var systems = []targets.System{
	zqt.System{},
	chuanbo.System{},
}

// system finds a plug-in by the `system` of targets.yaml; the schema admits only
// names that are here.
func system(name string) targets.System {
	for _, s := range systems {
		if s.Name() == name {
			return s
		}
	}
	return nil
}
