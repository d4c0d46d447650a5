"""A search over sequences of calls in which every output becomes an input, for tests that look for what must never come out.

Bytes are nothing to the gateway but what it can see in them, so two values are the same state when they are of one kind (made with one key, version
and context) and hold a value of the same name: what opens them is the same, and what comes out is the same again. A value of a state that was seen
before is not used again; the ways that lead to it are counted. A coarse step does not look into ciphertexts at all, or costs a request for each
value: it is asked once for each kind. Whatever opens to other bytes than went in is a kind of its own, and is used.
"""
import collections

BATCH = 256


class Value:
    """Bytes of a kind; `content` is the value that was put into it, `context` what it was sealed under."""

    def __init__(self, data, *kind, content=None, context=None):
        self.data = data
        self.kind = kind
        self.content = content
        self.context = context

    @property
    def state(self):
        return self.kind, self.content.kind[0] if self.content else None


class Step:
    """One call with a value in it. `send` takes items and gives their results, None for a refusal; `out` says what came out of one."""

    def __init__(self, name, send, item, out, coarse=False):
        self.name = name
        self.coarse = coarse
        self.done = 0  # calls that were not refused
        self.send = send
        self.item = item
        self.out = out

    def run(self, values):
        results = self.send([self.item(value) for value in values])
        self.done += sum(result is not None for result in results)
        return [self.out(value, result) if result is not None else [] for value, result in zip(values, results, strict=True)]


class Search:
    """Level by level: every step with a value of every state that the level before has found."""

    def __init__(self, steps, known):
        self.steps = steps
        self.seen = {}
        self.first = {}                    # value of each kind
        self.fresh = []
        self.edges = {}                    # what comes out of a step with a state
        self.ways = collections.Counter()  # sequences as long as the last level that end in a state
        self.sequences = 0
        self.transitions = 0
        for value in known:
            self.ways[value.state] += 1
            self.take(value)

    def take(self, value):
        if value.state not in self.seen:
            self.seen[value.state] = value
            self.first.setdefault(value.kind, value)
            self.fresh.append(value)

    def level(self):
        """One call more. Only what is fresh is asked: the answers to the rest are known by state."""
        asked, self.fresh = self.fresh, []
        for step in self.steps:
            values = [value for value in asked if not step.coarse or self.first[value.kind] is value]
            for start in range(0, len(values), BATCH):
                part = values[start:start + BATCH]
                for value, outcome in zip(part, step.run(part), strict=True):
                    self.transitions += 1
                    self.edges[step.name, value.kind if step.coarse else value.state] = [out.state for out in outcome]
                    for out in outcome:
                        self.take(out)
        self.count()

    def count(self):
        """How many sequences end with this level, those that were pruned included."""
        ways = collections.Counter()
        for state, count in self.ways.items():
            for step in self.steps:
                self.sequences += count
                for out in self.edges[step.name, state[0] if step.coarse else state]:
                    ways[out] += count
        self.ways = ways
