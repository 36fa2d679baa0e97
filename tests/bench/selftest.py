"""What tests/bench/compare decides by itself, tried without measuring anything: ratios, goals, choice of figures, exit codes."""
import contextlib
import io
import json
import unittest

import buses
import figures


class Arithmetic(unittest.TestCase):
    """Medians, ratios and goals."""

    def test_the_ratio_is_the_median_of_the_rounds_ratios(self):
        figure = figures.Figure("live-x", "msg/s", "rate", ">= 1.3", ">= 1.5")
        rounds = [({"rate": ours, "cpu_us": 1}, {"rate": theirs, "cpu_us": 2}) for ours, theirs in ((10, 10), (30, 10), (40, 20))]
        found = figures.summary(figure, "nats 2.9.10", rounds, "libnats 3")
        self.assertEqual((found["ours"], found["theirs"], found["ratio"]), (30, 10, 2))  # ratios 1, 3, 2
        self.assertEqual((found["cpu_ours"], found["cpu_theirs"]), (1, 2))
        self.assertEqual([r["ratio"] for r in found["rounds"]], [1, 3, 2])
        self.assertTrue(found["met"])

    def test_even_numbers_of_rounds_give_the_mean_of_the_middle_two(self):
        figure = figures.Figure("latency-x", "µs", "p50_us", "<= 0.5")
        found = figures.summary(figure, "x", [({"p50_us": 10}, {"p50_us": 20}), ({"p50_us": 20}, {"p50_us": 20})])
        self.assertEqual(found["ratio"], 0.75)
        self.assertFalse(found["met"])

    def test_a_bound_stands_in_place_of_a_peer(self):
        figure = figures.Figure("footprint-x", "MiB", "memory_mib", "<= 1", "", 8)
        found = figures.summary(figure, "bound", [({"memory_mib": 6}, None)])
        self.assertEqual((found["theirs"], found["ratio"], found["met"]), (8, 0.75, True))
        self.assertNotIn("cpu_ours", found)

    def test_a_line_of_json_has_the_agreed_keys(self):
        figure = figures.Figure("live-x", "msg/s", "rate")
        found = json.loads(json.dumps(figures.summary(figure, "x", [({"rate": 1}, {"rate": 2})])))
        self.assertLessEqual({"figure", "unit", "ours", "peer", "theirs", "ratio", "goal", "rounds"}, set(found))
        self.assertIsNone(found["goal"])

    def test_goals_are_met_at_their_bound(self):
        for ratio, goal, is_met in ((1.3, ">= 1.3", True), (1.29, ">= 1.3", False), (0.5, "<= 0.5", True), (0.51, "<= 0.5", False),
                                    (0, "", True)):
            self.assertEqual(figures.meets(ratio, goal), is_met, (ratio, goal))


class Table(unittest.TestCase):
    """The figures there are."""

    def test_every_goal_can_be_read_and_every_name_has_its_kind(self):
        names = []
        for scenario in figures.SCENARIOS:
            for figure in scenario.figures:
                names.append(figure.name)
                self.assertRegex(figure.name, "^(live|fan|latency|same-machine|footprint)-")
                for goal in (figure.goal, figure.aim):
                    self.assertTrue(not goal or figures.GOAL.fullmatch(goal), goal)
            self.assertTrue(scenario.peer == figures.BOUND or scenario.peer in buses.BUSES)
        self.assertEqual(len(names), len(set(names)))

    def test_an_aim_asks_for_more_than_its_goal(self):
        for figure in (figure for scenario in figures.SCENARIOS for figure in scenario.figures if figure.aim):
            self.assertTrue(figures.meets(float(figure.aim.split()[1]), figure.goal), figure.name)

    def test_a_word_chooses_figures_and_no_others(self):
        chosen = [figure.name for scenario in figures.choose("latency-1k-p99") for figure in scenario.figures]
        self.assertEqual(chosen, ["latency-1k-p99"])
        self.assertEqual(len(figures.choose("")), len(figures.SCENARIOS))
        self.assertEqual(figures.choose("no such thing"), [])

    def test_the_window_is_shared_by_all_publishers(self):
        self.assertEqual(figures.Load(publishers=4).window() * 4, figures.Load().window())
        self.assertLessEqual(figures.Load("raw:1024").window() * 1024, figures.WINDOW_BYTES)


def case_of_exits(compare):
    """The tests of the exit codes, of this program."""

    def run(*words, path=None):
        said = io.StringIO()
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
            try:
                code = compare.main(list(words), path)
            except SystemExit as end:
                code = end.code
        return code, said.getvalue()

    class Exits(unittest.TestCase):
        """Exit codes."""

        def test_a_missing_peer_is_named_with_its_remedy(self):
            for word, server in (("live-100B-1to1", "nats-server"), ("same-machine", "mosquitto")):
                code, said = run("--figure", word, path="/nonexistent")
                self.assertEqual(code, compare.MISSING)
                self.assertIn(server, said)
                self.assertIn("deploy/install-deps.sh --bench", said)

        def test_only_the_peers_of_the_chosen_figures_are_needed(self):
            self.assertEqual(compare.missing(figures.choose("latency-1k"), "/nonexistent"), [])
            self.assertEqual(compare.missing(figures.choose("fan-"), "/nonexistent"), ["nats-server"])
            self.assertEqual(compare.missing(figures.choose("-tls"), "/nonexistent"), ["mosquitto", "nats-server", "openssl"])

        def test_mistakes_are_usage(self):
            for words in (["--figure", "no such thing"], ["--rounds", "0"], ["--rounds", "many"], ["--what"]):
                self.assertEqual(run(*words)[0], compare.USAGE)

    return Exits


def run(compare):
    """All of it; an exit status."""
    loader = unittest.defaultTestLoader
    suite = unittest.TestSuite(loader.loadTestsFromTestCase(case) for case in (Arithmetic, Table, case_of_exits(compare)))
    return 0 if unittest.TextTestRunner().run(suite).wasSuccessful() else 1
