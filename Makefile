# Everything here is a plain go command; README's two commands need no make.
.DEFAULT_GOAL := help

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build the static binary bin/campaign
	CGO_ENABLED=0 go build -trimpath -o bin/campaign ./cmd/campaign

test: ## the tests, as README says
	go test -shuffle=on ./...

check: ## everything that must hold before a change lands
	.ci/run

demo: ## send every example to the built-in sandbox
	go run ./cmd/campaign run --sandbox --yes

bench: ## the benchmarks, with ratios against a bare loop in the same run
	go test -run '^$$' -bench . -benchmem ./...

fuzz: ## every fuzz target for a minute
	@for pkg in $$(go list ./...); do \
		for target in $$(go test -list '^Fuzz' $$pkg | grep '^Fuzz'); do \
			echo "== $$pkg $$target"; go test -run '^$$' -fuzz "^$$target\$$" -fuzztime 60s -fuzzminimizetime 10x $$pkg || exit 1; \
		done; \
	done

kills: ## campaign serve is killed 200 times around occurrences: each is run once, or skipped with its reason
	go test -count=1 -v -timeout 30m -run '^TestServeIsKilled$$' ./cmd/campaign -serve.kills 200

clocks: ## schedules against a clock read minute by minute, in every zone of the world over many years
	go test -count=1 -timeout 30m -run '^TestEveryZone' ./internal/schedule -oracle.years 15

rate: ## two processes on one account for a minute, one killed on the way: never above the limit, 95 % of it used
	go test -count=1 -v -run '^TestRateOfProcesses$$' ./internal/runner -rate.seconds 60

crash: ## a thousand kill -9 of the real binary, over every channel type: nobody lost, nobody doubled; a full disk too
	go test -count=1 -v -timeout 60m -run '^(TestCrash|TestFullDisk)$$' ./cmd/campaign -crash.kills 1000 $(CRASH)

golden: ## rewrite the golden files (read the diff before you commit it)
	go test ./internal/plan ./internal/report ./internal/spec -update
	go test ./cmd/campaign -run '^TestRulesPage$$' -update

.PHONY: help build test check demo bench fuzz kills clocks rate crash golden
