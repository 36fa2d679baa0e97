"""The figures of tests/bench/compare: what is measured beside what, which ratio is wanted, and how ratios are made."""
import re
import statistics
from dataclasses import dataclass

GOAL = re.compile(r"(>=|<=) (\d+(?:\.\d+)?)")
MILLRACE, NATS, NATS_TLS, MOSQUITTO, MOSQUITTO_TLS, ZMQ, BOUND = (
    "millrace", "nats", "nats TLS", "mosquitto", "mosquitto TLS", "plain libzmq broker", "bound")
WINDOW = 4096  # messages under way to the slowest subscriber, of all publishers together
WINDOW_BYTES = 1024 * 1024  # of payload; what is less counts


@dataclass(frozen=True)
class Load:
    """What goes over a bus."""
    shape: str = "raw:100"  # raw:BYTES, sample (20 bytes: value, time, status), row:N (N samples in one call)
    publishers: int = 1
    subscribers: int = 1
    rate: int = 0  # calls a second; 0: as many as the window lets
    agents: str = "two"  # of Millrace: "two", publishers and subscribers; "one" for both; "each" subscriber its own
    one_cpu: bool = False  # all processes on the same one

    def window(self):
        """Of each publisher, in messages."""
        size = int(self.shape[4:]) if self.shape.startswith("raw:") else 20
        return min(WINDOW, WINDOW_BYTES // size) // self.publishers


@dataclass(frozen=True)
class Figure:
    """One row of the table."""
    name: str
    unit: str
    value: str  # of what a run measures
    goal: str = ""  # of the ratio ours / theirs: the floor; "": for information
    aim: str = ""  # what is hoped for beyond it
    bound: float = 0  # stands in place of the peer's value where there is no peer


@dataclass(frozen=True)
class Scenario:
    """Figures that the same runs give."""
    figures: tuple
    peer: str
    ours: object  # a Load, or the name of a measurement of the footprint
    theirs: Load = None  # None: the same load


def live(name, peer, goal="", aim="", ours=Load(), theirs=None, unit="msg/s"):
    """A scenario at full speed."""
    return Scenario((Figure(name, unit, "rate", goal, aim),), peer, ours, theirs)


def paced(name, peer, rate, p50="", p99="", aim=""):
    """A scenario at a rate; both percentiles."""
    return Scenario((Figure(f"{name}-p50", "µs", "p50_us", p50), Figure(f"{name}-p99", "µs", "p99_us", p99, aim)),
                    peer, Load(rate=rate))


def near(name, goal, **more):
    """App to app by way of the agent of one machine."""
    return Scenario((Figure(name, "µs", "p50_us", goal),), MOSQUITTO, Load(rate=1000, agents="one", **more))


SCENARIOS = (
    live("live-100B-1to1", NATS, ">= 1.3", ">= 1.5"),
    live("live-20B-typed", NATS, ">= 2", ">= 3", Load("sample")),
    live("live-20B-rows", NATS, ">= 5", "", Load("row:32"), Load("sample"), "values/s"),
    live("live-100B-1to1-tls", NATS_TLS),
    live("live-100B-mosquitto-tls", MOSQUITTO_TLS, ">= 20"),
    live("live-1KiB", NATS, "", "", Load("raw:1024")),
    live("fan-1to4", NATS, ">= 1.2", "", Load(subscribers=4)),
    live("fan-4to1", NATS, ">= 1.2", "", Load(publishers=4)),
    live("fan-1to4-agents", NATS, ">= 0.8", "", Load(subscribers=4, agents="each")),
    paced("latency-100k", NATS, 100000, "", "<= 0.5", "<= 0.3"),
    paced("latency-10k", ZMQ, 10000),
    paced("latency-1k", ZMQ, 1000, "<= 1.5", "<= 2"),
    near("same-machine-p50", "<= 0.85"),
    near("same-machine-p50-one-cpu", "<= 0.4", one_cpu=True),
    Scenario((Figure("footprint-idle-agent-cpu", "of a core", "cpu", "<= 1", "", 0.003),
              Figure("footprint-idle-agent-memory", "MiB", "memory_mib", "<= 1", "", 8)), BOUND, "idle agent"),
    Scenario((Figure("footprint-broker-per-agent", "KiB", "kib_per_session", "<= 1", "", 40),), BOUND, "1000 sessions"),
    Scenario((Figure("footprint-5000-back", "s", "back_s", "<= 1", "", 10),), BOUND, "5000 sessions"),
)


def choose(word):
    """The scenarios with figures that have the word in their name, without the other figures."""
    chosen = []
    for scenario in SCENARIOS:
        figures = tuple(figure for figure in scenario.figures if word in figure.name)
        if figures:
            chosen.append(Scenario(figures, scenario.peer, scenario.ours, scenario.theirs))
    return chosen


def meets(ratio, goal):
    """Whether a ratio is as a goal wants it; no goal is always met."""
    if not goal:
        return True
    sign, bound = GOAL.fullmatch(goal).groups()
    return ratio >= float(bound) if sign == ">=" else ratio <= float(bound)


def rounded(value):
    """Four digits that mean something."""
    return float(f"{value:.4g}")


def summary(figure, peer, rounds, clients=""):
    """The figure as --json prints it. rounds: (what ours measured, what theirs did) each; medians, and that of the ratios."""
    pairs = [(ours[figure.value], theirs[figure.value] if theirs else figure.bound) for ours, theirs in rounds]
    ratios = [ours / theirs for ours, theirs in pairs]
    ratio = rounded(statistics.median(ratios))
    found = {"figure": figure.name, "unit": figure.unit, "ours": rounded(statistics.median(ours for ours, _ in pairs)), "peer": peer,
             "theirs": rounded(statistics.median(theirs for _, theirs in pairs)), "ratio": ratio, "goal": figure.goal or None,
             "aim": figure.aim or None, "met": meets(ratio, figure.goal),
             "rounds": [{"ours": rounded(ours), "theirs": rounded(theirs), "ratio": rounded(ratio)}
                        for (ours, theirs), ratio in zip(pairs, ratios)]}
    if clients:
        found["client"] = clients
        for side, number in (("cpu_ours", 0), ("cpu_theirs", 1)):
            found[side] = rounded(statistics.median(pair[number]["cpu_us"] for pair in rounds))
    return found
