SHELL := /bin/bash
.DEFAULT_GOAL := help
# Most tests wait more than they work: four at a time keep two cores busy.
TEST := TOPUP_PG_FSYNC=off RUST_TEST_THREADS=$${RUST_TEST_THREADS:-4} dev/with-services dev/slowest cargo test --locked
# What needs no services: a package, and the tests of the library by the parts of their paths.
PURE := topup-domain
FAST := wire::
.PHONY: help demo up down wipe run test test-fast test-long lint bench quality package sqlx-prepare

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "make %-13s %s\n", $$1, $$2 }'

# Built to be there soon: librdkafka's C is not optimised either, which saves most of its time.
demo: ## the whole story on this machine, with a temporary PostgreSQL and a built-in Kafka
	dev/install build postgres
	CFLAGS='-O0 -g0' CXXFLAGS='-O0 -g0' cargo run --profile demo --locked --bin topup -- demo $(ARGS)

up: ## start PostgreSQL and Kafka for development; prints their addresses
	@dev/up

down: ## stop them; their data stays
	@dev/down

wipe: ## stop them and remove their data
	@dev/down --wipe

run: ## topup with the services up, for example: make run ARGS="--help"
	dev/install build
	dev/with-services cargo run --release --locked --bin topup -- $(ARGS)

test: ## every test, against real PostgreSQL and Kafka; ARGS go to cargo test; lists the slowest
	dev/install build books observe
	$(TEST) $(ARGS) $(if $(AFTER_FAST),--workspace --exclude $(PURE) -- $(FAST:%=--skip %))

test-fast: ## what needs no services: deciding, reading and writing records, the form of the code
	dev/install build
	cargo test --locked --test tidy
	cargo test --locked --package $(PURE)
	cargo test --locked --package topup --lib -- $(FAST)

test-long: ## the same with all rounds: 2,000 random sequences, 50 kills a job, 200 ticks
	dev/install build books observe
	TOPUP_TEST_LONG=1 $(TEST) $(ARGS)

lint: ## format, clippy, documentation, scripts, docker-compose.yml
	dev/install build
	dev/lint

bench: ## the benchmark; ARGS go to it
	dev/install build
	dev/with-services cargo bench --locked --bench topup $(if $(ARGS),-- $(ARGS))

quality: ## how well matching does on 200,000 generated payments, per kind of mistake
	dev/install build
	cargo run --release --locked --bin topup -- quality $(ARGS)

package: ## the Debian package, in target/package, and a look at it
	dev/install build kubernetes
	dev/package

sqlx-prepare: ## write the snapshot of every SQL statement's parameters and columns anew
	dev/install build
	UPDATE_PREPARED=1 dev/with-services cargo test --locked --test it statements
