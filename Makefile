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

rate: ## two processes on one account for a minute, one killed on the way: never above the limit, 95 % of it used
	go test -count=1 -v -run '^TestRateOfProcesses$$' ./internal/runner -rate.seconds 60

golden: ## rewrite the golden files (read the diff before you commit it)
	go test ./internal/plan ./internal/report ./internal/spec -update

.PHONY: help build test check demo bench fuzz rate golden
