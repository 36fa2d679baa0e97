#!/usr/bin/env python3
"""The checker itself: a clean history passes, and each of many mutations of it is found under the right rule."""
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import check  # noqa: E402  pylint: disable=wrong-import-position
import history  # noqa: E402  pylint: disable=wrong-import-position

S = 1_000_000  # µs
RAW, KEPT = 1, 2  # the writers: 1,000 messages each, one every 10 ms from second 1 on, on two topics
MESSAGES, TOPICS = 1000, 2
BIRTH = 7 << 32
NAMES = {RAW: "one/raw", KEPT: "two/kept"}
LIVE_KEPT, STALE_KEPT = history.KEEP, history.KEEP | history.SNAPSHOT | history.STALE
END = 20 * S


def at_us(number):
    """When a message was published."""
    return S + number * S // 100


def writer(number, closed=True, life=1):
    """The lines of a writer."""
    kind = "kept" if number == KEPT else "raw"
    lines = [f"millrace-history 1 writer w{number} 100 0", f"w 10 {number} {life} {TOPICS} {kind} plant/w{number}"]
    lines += [f"p {at_us(first)} {first} {first + 9}" for first in range(1, MESSAGES, 10)]
    return lines + [f"{'z' if closed else 'k'} {END if closed else at_us(MESSAGES) + S // 10}"]


def data(key, first, last, flags=None, step=1, birth=BIRTH, shift=0, life=1):
    """A line for a row of messages given."""
    flags = (LIVE_KEPT if key == KEPT else 0) if flags is None else flags
    return (f"d {at_us(first) + 1000 + shift} {at_us(last) + 1000 + shift} 0 {key} {life} {NAMES[key]} {birth} {flags} "
            f"{first + 5} {last + 5} {first} {last} {step}")


def loss(publisher, count, cause, at_number):
    """A line for an announcement behind a message."""
    return f"l {at_us(at_number) + 2000} 0 {publisher} {count} {cause} words"


def value(dump, number, key=KEPT, flags=LIVE_KEPT, life=1):
    """A line for a last value held."""
    return f"v {END - S} {dump} 0 plant/w{key}/t{(number - 1) % TOPICS} {NAMES[key]} {flags} {key} {life} {number}"


def reader(*middle, values=None):
    """The lines of a reader, in force before all; middle: what it was given."""
    held = [value(1, MESSAGES - 1), value(1, MESSAGES)] if values is None else values
    return ["millrace-history 1 reader r 101 0", "s 5 0 plant/#", "g 6 1 1", "c 20 0", *middle, *held, f"V {END - S} 1",
            f"z {END + 5 * S}"]


WHOLE = (data(RAW, 1, MESSAGES), data(KEPT, 1, MESSAGES))


def cut(key, first, last, *said):
    """Everything, but of one writer first to last, with what was said in their place."""
    other = WHOLE[0] if key == KEPT else WHOLE[1]
    return (other, data(key, 1, first - 1), *said, data(key, last + 1, MESSAGES))


class Checker(unittest.TestCase):
    """Each test is a history."""

    def judge(self, one, two=None, script=(), writers=None, **options):
        """The rules found broken in a run of two readers, the second clean unless given, and its figures."""
        with tempfile.TemporaryDirectory() as folder:
            files = {"w1": writer(RAW), "w2": writer(KEPT), **(writers or {}), "r1": one,
                     "r2": two or ["millrace-history 1 reader r2 102 0", *reader(*WHOLE)[1:]]}
            if script:
                files["script"] = ["millrace-history 1 script s 1 0", *script]
            for name, lines in files.items():
                pathlib.Path(folder, f"{name}.history").write_text("\n".join(lines) + "\n", encoding="utf-8")
            findings, figures = check.check(folder, check.Options(**options))
            return [finding.rule for finding in findings], figures

    def expect(self, rule, *args, **options):
        """At least this rule is found broken."""
        found, _ = self.judge(*args, **options)
        self.assertIn(rule, found)

    def clean(self, *args, **options):
        """Nothing is found; the figures."""
        found, figures = self.judge(*args, **options)
        self.assertEqual(found, [])
        return figures

    def test_a_clean_history_passes_and_all_of_it_was_judged(self):
        figures = self.clean(reader(*WHOLE), calm=True, agree=1)
        self.assertEqual((figures["published"], figures["expected"], figures["given"]), (2000, 4000, 4000))

    def test_a_dropped_message_is_found(self):
        for key in NAMES:
            self.expect("untold", reader(*cut(key, 500, 500)))

    def test_a_dropped_first_and_a_dropped_last_are_found(self):
        self.expect("untold", reader(WHOLE[1], data(RAW, 2, MESSAGES)))
        self.expect("untold", reader(WHOLE[1], data(RAW, 1, MESSAGES - 1)))

    def test_every_second_message_dropped_is_found(self):
        self.expect("untold", reader(WHOLE[1], data(RAW, 1, MESSAGES - 1, step=2)))

    def test_a_writer_that_nobody_heard_is_found(self):
        _, figures = self.judge(reader(WHOLE[1]))
        self.assertEqual(figures["missing"], MESSAGES)
        self.expect("untold", reader(WHOLE[1]))

    def test_what_was_lost_and_told_in_its_place_passes(self):
        figures = self.clean(reader(*cut(RAW, 500, 509, loss("one/raw", 10, history.SLOW_READER, 509))))
        self.assertEqual((figures["missing"], figures["told exactly"]), (10, 10))

    def test_a_loss_of_the_machine_or_of_anybody_will_do(self):
        for publisher in ("one", "*"):
            self.assertEqual(self.clean(reader(*cut(RAW, 500, 509, loss(publisher, 12, history.LINK, 509))))["told as a bound"], 10)

    def test_a_loss_of_somebody_else_will_not_do(self):
        for publisher in ("two", "two/raw", "one/other"):
            self.expect("untold", reader(*cut(RAW, 500, 509, loss(publisher, 10, history.SLOW_READER, 509))))

    def test_a_loss_told_after_the_next_message_is_too_late(self):
        late = [*cut(RAW, 500, 509), loss("one/raw", 10, history.SLOW_READER, MESSAGES)]
        self.expect("untold", reader(*late))

    def test_a_loss_told_before_the_message_in_front_is_too_early(self):
        early = (WHOLE[1], data(RAW, 1, 498), loss("one/raw", 1, 1, 498), data(RAW, 499, 499), data(RAW, 501, MESSAGES))
        self.expect("untold", reader(*early))

    def test_a_count_below_what_is_missing_is_found(self):
        for cause in (history.SLOW_READER, history.LINK):
            self.expect("undercounted", reader(*cut(RAW, 500, 509, loss("one/raw", 9, cause, 509))))

    def test_a_count_of_a_ring_above_what_is_missing_is_found(self):
        self.expect("inexact", reader(*cut(RAW, 500, 509, loss("one/raw", 11, history.SLOW_READER, 509))))

    def test_a_bound_may_be_above(self):
        self.clean(reader(*cut(RAW, 500, 509, loss("one", 500, history.LINK, 509))))

    def test_a_last_value_that_follows_what_a_ring_dropped_may_be_counted(self):
        snapshot = data(KEPT, 509, 509, flags=LIVE_KEPT | history.SNAPSHOT)
        for count in (9, 10):
            self.clean(reader(*cut(KEPT, 500, 509, loss("two/kept", count, 1, 509), snapshot)))
        self.expect("inexact", reader(*cut(KEPT, 500, 509, loss("two/kept", 11, 1, 509), snapshot)))

    def test_unknown_covers_any_number(self):
        self.assertEqual(self.clean(reader(*cut(RAW, 400, 600, loss("*", 0, history.LINK, 600))))["told as unknown"], 201)

    def test_between_two_unknown_losses_anything_may_be_missing(self):
        given = (WHOLE[1], data(RAW, 1, 400), loss("*", 0, 2, 400), data(RAW, 401, 450), data(RAW, 461, 500), loss("*", 0, 2, 500),
                 data(RAW, 501, MESSAGES))
        self.assertEqual(self.clean(reader(*given))["in spans"], 10)
        self.expect("untold", reader(*given), script=[f"calm {at_us(455)}"])
        self.expect("untold", reader(*given), span_s=0.5)
        self.expect("untold", reader(*(line for line in given if not line.startswith("l") or str(at_us(500) + 2000) not in line)))

    def test_a_loss_where_nothing_broke_is_found(self):
        told = reader(WHOLE[1], data(RAW, 1, 500), loss("*", 0, history.LINK, 500), data(RAW, 501, MESSAGES))
        self.expect("false-loss", told, calm=True)
        self.expect("false-loss", told, script=[f"f {15 * S} kill", f"h {16 * S} kill"])
        self.expect("false-loss", told, script=[f"f {1 * S} kill", f"h {2 * S} kill"], grace_s=1)
        self.clean(told, script=[f"f {5 * S} kill", f"h {7 * S} kill"])

    def test_what_is_missing_though_nothing_on_its_way_was_broken_is_found(self):
        places = ["at 1 one mr1", "at 1 two mr2", "at 1 three mr3", "at 1 r three"]
        lost = reader(*cut(RAW, 500, 509, loss("*", 0, history.LINK, 509)))

        def fault(target, since=5):
            return [*places, f"f {since * S} kill {target}", f"h {(since + 2) * S} kill"]

        for target in ("mr1", "mr3", "one", "three", "mr1+mr3", "mr2 mr1"):
            self.clean(lost, script=fault(target))
        for target in ("mr2", "two", "mr1+mr2"):
            self.expect("collateral", lost, script=fault(target))
        self.expect("collateral", lost, script=fault("mr1", since=8))
        self.expect("collateral", lost, script=fault("mr1", since=1))
        self.clean(lost, script=["at 1 one mr2", *places[1:], f"at {8 * S} one mr1", f"f {5 * S} kill mr1", f"h {7 * S} kill"])
        slow = reader(*cut(RAW, 500, 509, loss("one/raw", 10, history.SLOW_READER, 509)))
        self.clean(slow, script=fault("mr2"))

    def test_a_full_ring_without_a_loss_is_found(self):
        self.expect("false-loss", reader(WHOLE[1], data(RAW, 1, 500), loss("one/raw", 1, 1, 500), data(RAW, 501, MESSAGES)))

    def test_a_duplicate_is_found(self):
        self.expect("duplicate", reader(WHOLE[1], data(RAW, 1, 500), data(RAW, 500, MESSAGES)))
        self.expect("duplicate", reader(*WHOLE, data(RAW, 700, 700)))

    def test_swapped_messages_are_found(self):
        self.expect("disorder", reader(WHOLE[1], data(RAW, 1, 499), data(RAW, 501, 501), data(RAW, 500, 500), data(RAW, 502, MESSAGES)))

    def test_an_earlier_life_after_a_later_one_is_found(self):
        second = writer(RAW, life=2)
        lives = {"w3": second}
        order = (WHOLE[1], data(RAW, 1, 500), data(RAW, 1, MESSAGES, life=2, birth=BIRTH + 1), data(RAW, 501, MESSAGES, birth=BIRTH + 2))
        self.expect("disorder", reader(*order), writers=lives)

    def test_versions_that_do_not_rise_are_found(self):
        self.expect("version", reader(WHOLE[1], data(RAW, 1, 500, birth=BIRTH + 1), data(RAW, 501, MESSAGES)))

    def test_an_invented_message_is_found(self):
        self.expect("phantom", reader(*WHOLE, data(RAW, MESSAGES + 1, MESSAGES + 1)))
        self.expect("phantom", reader(*WHOLE, data(RAW, 1, 1).replace(" 0 1 1 one", " 0 9 1 one")))

    def test_a_refused_message_that_arrives_is_found(self):
        refusing = writer(RAW)
        refusing.insert(-1, f"x {at_us(500)} 500 500 1")
        self.expect("phantom", reader(*WHOLE), writers={"w1": refusing})

    def test_a_refused_message_is_not_missed(self):
        refusing = writer(RAW)
        refusing.insert(-1, f"x {at_us(500)} 500 500 1")
        other = ["millrace-history 1 reader r2 102 0", *reader(*cut(RAW, 500, 500))[1:]]
        self.clean(reader(*cut(RAW, 500, 500)), other, writers={"w1": refusing})

    def test_a_raw_message_in_a_snapshot_is_found(self):
        self.expect("phantom", reader(*WHOLE, data(RAW, MESSAGES, MESSAGES, flags=history.SNAPSHOT)))

    def test_damaged_messages_are_found(self):
        self.expect("damaged", reader(*WHOLE, f"? {9 * S} 0 plant/w1/t0 one/raw 7 8 not the source time it was given"))

    def test_a_last_value_that_goes_back_is_found(self):
        self.expect("backwards", reader(*WHOLE, data(KEPT, 900, 900, flags=LIVE_KEPT | history.SNAPSHOT)))
        self.expect("backwards", reader(WHOLE[0], data(KEPT, 1, 500, flags=LIVE_KEPT | history.SNAPSHOT), data(KEPT, 500, MESSAGES)))

    def test_a_last_value_given_again_as_stale_and_fresh_passes(self):
        self.clean(reader(*WHOLE, data(KEPT, MESSAGES - 1, MESSAGES, flags=STALE_KEPT),
                          data(KEPT, MESSAGES - 1, MESSAGES, flags=LIVE_KEPT | history.SNAPSHOT)))

    def test_what_a_killed_writer_never_got_out_is_not_missed(self):
        other = ["millrace-history 1 reader r2 102 0", *reader(data(RAW, 1, 990), WHOLE[1])[1:]]
        killed = {"w1": writer(RAW, closed=False)}
        self.clean(reader(data(RAW, 1, 990), WHOLE[1]), other, writers=killed)
        self.expect("untold", reader(data(RAW, 1, 980), WHOLE[1]), other, writers=killed)

    def test_what_was_published_before_the_subscription_was_in_force_is_not_missed(self):
        late = reader(data(RAW, 300, MESSAGES), data(KEPT, 300, MESSAGES))
        late[3] = f"c {at_us(305)} 0"
        self.clean(late)

    def test_a_filter_limits_what_is_expected(self):
        given = reader(data(RAW, 1, MESSAGES - 1, step=2))
        given[1] = "s 5 0 plant/w1/t0"
        self.clean(given)
        given[1] = "s 5 0 plant/w1/+"
        self.expect("untold", given)

    def test_readers_that_do_not_agree_are_found(self):
        self.expect("disagree", reader(*WHOLE, values=[value(1, MESSAGES - 1), value(1, MESSAGES - 2)]), agree=1)
        self.expect("disagree", reader(*WHOLE, values=[value(1, MESSAGES)]), agree=1)
        self.expect("no-dump", reader(*WHOLE), agree=2)

    def test_readers_that_agree_on_an_old_value_are_found(self):
        held = [value(1, MESSAGES - 1), value(1, MESSAGES - 2)]
        other = ["millrace-history 1 reader r2 102 0", *reader(*WHOLE, values=held)[1:]]
        found, _ = self.judge(reader(*WHOLE, values=held), other, agree=1)
        self.assertEqual(found, ["not-newest", "not-newest"])

    def test_a_stale_value_of_a_living_writer_is_found(self):
        stale = [value(1, MESSAGES - 1), value(1, MESSAGES, flags=STALE_KEPT)]
        self.expect("stale", reader(*WHOLE, values=stale), agree=1)

    def test_a_fresh_value_of_a_dead_writer_is_found(self):
        dead = {"w2": writer(KEPT, closed=False)}
        self.expect("fresh", reader(*WHOLE), writers=dead, agree=1, dead_s=5)
        stale = [value(1, MESSAGES - 1, flags=STALE_KEPT), value(1, MESSAGES, flags=STALE_KEPT)]
        other = ["millrace-history 1 reader r2 102 0", *reader(*WHOLE, values=stale)[1:]]
        self.clean(reader(*WHOLE, values=stale), other, writers=dead, agree=1, dead_s=5)

    def test_a_line_cut_off_by_a_kill_is_left_out(self):
        cut_off = writer(RAW, closed=False)
        cut_off[-1] = f"p {END} 2000 20"
        with tempfile.TemporaryDirectory() as folder:
            pathlib.Path(folder, "w.history").write_text("\n".join(cut_off), encoding="utf-8")
            self.assertEqual(history.Histories(folder).lives[RAW, 1].last, MESSAGES)

    def test_a_file_of_another_kind_is_refused(self):
        for line in ("millrace-history 2 writer w 1 0", "something else entirely here", "millrace-history 1 writer w 1 0\nw 1 x"):
            with tempfile.TemporaryDirectory() as folder:
                pathlib.Path(folder, "w.history").write_text(line + "\n", encoding="utf-8")
                self.assertRaises(history.Malformed, history.Histories, folder)


if __name__ == "__main__":
    unittest.main()
