#!/usr/bin/env python3
"""What bench/report.py says of two files. Ends with "N passed, N failed"."""
import contextlib
import io
import json
import os
import sys
import tempfile
import unittest

import measure
import report


def figure(*values, better="less", noise=10, least=0.0, name="connect_ms"):
    return {"name": name, "values": list(values), "unit": "ms", "better": better, "noise_percent": noise, "noise_least": least}


def file(*figures, quick=False, cpu="A"):
    return {"format": 1, "commit": "c", "date": "d", "load": 0.0, "quick": quick, "figures": list(figures),
            "machine": {"cpu": cpu, "cores": 2, "architecture": "x"}}


def verdicts(old, new):
    return {row[0]: row[5] for row in report.compare(old, new)}


class Report(unittest.TestCase):
    def test_less_is_better(self):
        self.assertEqual(report.verdict(figure(2.0), figure(2.5)), "worse")
        self.assertEqual(report.verdict(figure(2.0), figure(1.5)), "better")
        self.assertEqual(report.verdict(figure(2.0), figure(2.19)), "same")

    def test_more_is_better(self):
        self.assertEqual(report.verdict(figure(1000, better="more"), figure(800, better="more")), "worse")
        self.assertEqual(report.verdict(figure(1000, better="more"), figure(1200, better="more")), "better")

    def test_the_machine_is_not_judged(self):
        self.assertEqual(report.verdict(figure(1000, better="none"), figure(10, better="none")), "machine")

    def test_a_small_figure_has_a_least_step(self):
        self.assertEqual(report.verdict(figure(0.0, least=0.5), figure(0.4, least=0.5)), "same")
        self.assertEqual(report.verdict(figure(0.0, least=0.5), figure(0.6, least=0.5)), "worse")

    def test_the_spread_of_either_side_is_noise(self):
        self.assertEqual(report.verdict(figure(2, 2, 4), figure(3)), "same")
        self.assertEqual(report.verdict(figure(2), figure(2.1, 3, 3.2)), "same")
        self.assertEqual(report.verdict(figure(2, 2.1, 2.2), figure(3, 3.1, 3.2)), "worse")

    def test_a_value_is_the_median_of_its_runs(self):
        rows = [{"name": "a", "value": v, "unit": "ms", "better": "less", "noise_percent": 1, "noise_least": 0}
                for v in (1, 9, 2)]
        collected = report.collect(rows)
        self.assertEqual([f["values"] for f in collected], [[1, 9, 2]])
        self.assertEqual(report.middle(collected[0]), 2)

    def test_ratios_and_what_is_new_or_gone(self):
        rows = {row[0]: row for row in report.compare(file(figure(2), figure(1, name="old")),
                                                      file(figure(3), figure(1, name="fresh")))}
        self.assertEqual(rows["connect_ms"][4:], (1.5, "worse"))
        self.assertEqual(rows["old"][3:], (None, None, "gone"))
        self.assertEqual(rows["fresh"][2:], (None, 1, None, "new"))

    def test_from_nothing_there_is_no_ratio(self):
        self.assertIsNone(report.compare(file(figure(0, least=1)), file(figure(0, least=1)))[0][4])

    def test_another_machine_or_length_is_shown_only(self):
        self.assertEqual(verdicts(file(figure(2)), file(figure(9), cpu="B")), {"connect_ms": "shown"})
        self.assertEqual(verdicts(file(figure(2)), file(figure(9), quick=True)), {"connect_ms": "shown"})

    def test_figures_written_are_read_and_compared(self):
        with tempfile.TemporaryDirectory() as folder:
            rows, old, new = (os.path.join(folder, name) for name in ("rows", "old.json", "new.json"))
            os.environ["BENCH_FIGURES"] = rows
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                measure.figure("connect_ms", 2.0, "ms", noise=10)
                report.write(rows, old, False)
                measure.figure("connect_ms", 4.0, "ms", noise=10)
                report.write(rows, new, False)
                self.assertEqual(report.show(old, old), 0)
                self.assertEqual(report.show(old, new), 0, "2 and 4 are one run's spread")
                with open(new) as f:
                    changed = json.load(f)
                changed["figures"][0]["values"] = [4.0]
                with open(new, "w") as f:
                    json.dump(changed, f)
                self.assertEqual(report.show(old, new), 1)
            del os.environ["BENCH_FIGURES"]
            self.assertIn("2.00 ms      WORSE", out.getvalue())
            self.assertIn("worse beyond noise: connect_ms", out.getvalue())
            with open(old) as f:
                written = json.load(f)
            self.assertTrue(written["commit"] is None or len(written["commit"]) >= 12)
            self.assertGreater(written["machine"]["cores"], 0)

    def test_a_machine_with_other_work_is_told(self):
        busy = figure(40, better="none", name="others_percent")
        self.assertEqual(report.busy(file(figure(2), busy)), 40)
        self.assertIsNone(report.busy(file(figure(2), figure(3, better="none", name="others_percent"))))
        self.assertIsNone(report.busy(file(figure(2))))
        with tempfile.TemporaryDirectory() as folder:
            path, out = os.path.join(folder, "a.json"), io.StringIO()
            with open(path, "w") as f:
                json.dump(file(figure(2), busy), f)
            with contextlib.redirect_stdout(out):
                self.assertEqual(report.show(path, path), 0)
            self.assertIn("now, other programs took 40 %", out.getvalue())

    def test_our_own_work_is_not_that_of_others(self):
        self.assertTrue(0 <= measure.others_percent() <= 101)

    def test_a_file_of_something_else_is_refused(self):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as f:
            for text in ("", "[]", '{"format": 2}'):
                f.seek(0)
                f.truncate()
                f.write(text)
                f.flush()
                with self.assertRaises(SystemExit):
                    report.load(f.name)
        with self.assertRaises(SystemExit):
            report.load("/nonexistent.json")


if __name__ == "__main__":
    result = unittest.main(exit=False, verbosity=0).result
    bad = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - bad} passed, {bad} failed")
    sys.exit(bad > 0)
