// Reads operations on mutations as JSON lines and says whether each mutation had one order that explains all answers.
//
// Every line is a read or a write of one mutation (tests/chaos/book.py writes them). A mutation is a register that holds
// a version and the name of a state. A write leads to a higher version; with `expected` only from just that one. A write
// whose outcome nobody knows is under way until the end: it may have happened at any time since, or never.
//
// The answer is one JSON line; the exit status is 1 when a mutation had no such order, 2 when the input cannot be read.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"sort"

	"github.com/anishathalye/porcupine"
)

// A command records at most so many events, each of which is a version.
const mostEvents = 8

type operation struct {
	Op       string `json:"op"`      // read, write
	Outcome  string `json:"outcome"` // ok, stale, unknown
	Mutation string `json:"mutation"`
	Called   int64  `json:"called"`
	Returned *int64 `json:"returned"`
	Expected *int   `json:"expected"`
	Version  int    `json:"version"`
	State    string `json:"state"`
}

// What a mutation holds. An empty name: the state that an unknown outcome left, whichever it is.
type held struct {
	version int
	state   string
}

func step(state, input, output interface{}) []interface{} {
	now, op := state.(held), input.(operation)
	told := held{op.Version, op.State}
	expected := op.Expected == nil || *op.Expected == now.version
	switch {
	case op.Op == "read":
		if now.version == told.version && (now.state == "" || now.state == told.state) {
			return []interface{}{told}
		}
	case op.Outcome == "ok":
		if expected && told.version > now.version {
			return []interface{}{told}
		}
	case op.Outcome == "stale":
		if !expected {
			return []interface{}{now}
		}
	case op.Outcome == "unknown":
		states := []interface{}{now}
		for n := 1; expected && n <= mostEvents; n++ {
			states = append(states, held{now.version + n, ""})
		}
		return states
	}
	return nil
}

var register = porcupine.NondeterministicModel{
	Init: func() []interface{} { return []interface{}{held{}} },
	Step: step,
}

func read() (map[string][]porcupine.Operation, int, error) {
	histories, count := map[string][]porcupine.Operation{}, 0
	lines := json.NewDecoder(bufio.NewReader(os.Stdin))
	for lines.More() {
		var op operation
		if err := lines.Decode(&op); err != nil {
			return nil, 0, err
		}
		returned := int64(math.MaxInt64)
		if op.Returned != nil {
			returned = *op.Returned
		}
		entry := porcupine.Operation{Input: op, Call: op.Called, Return: returned}
		histories[op.Mutation] = append(histories[op.Mutation], entry)
		count++
	}
	return histories, count, nil
}

func main() {
	histories, count, err := read()
	if err != nil {
		fmt.Fprintln(os.Stderr, "linearizable:", err)
		os.Exit(2)
	}
	broken := []string{}
	for mutation, history := range histories {
		if !porcupine.CheckOperations(register.ToModel(), history) {
			broken = append(broken, mutation)
		}
	}
	sort.Strings(broken)
	verdict := map[string]interface{}{
		"linearizable": len(broken) == 0, "broken": broken, "mutations": len(histories), "operations": count,
	}
	if err := json.NewEncoder(os.Stdout).Encode(verdict); err != nil || len(broken) > 0 {
		os.Exit(1)
	}
}
