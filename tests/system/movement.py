"""Which metrics move: what gateways of these tests say of themselves is noted, and after a whole run every metric must have moved,
a counter from 0, a gauge from one value to another. What needs more than this machine's loopback moves in other tests: MOVED_BY."""
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tools"))
import metrics as table  # noqa: E402

NAME = re.compile(table.PREFIX + r'(\w+?)(?:\{([^}]*)\})?$')
COUNTER = re.compile(r"_(total|count|sum|bucket)(\{|$)")
values = {}  # (name, labels): the values that were seen, two at most

# Series: the file whose test brings its cause about, and what stands in that file about it. That it is said under its name is
# gateway/metrics_test.c's to find out.
MOVED_BY = {
    "rtp_repaired_total": ("tests/faults/loss.js", "rtp_repaired_total"),
    "rtp_duplicate_total": ("lib/jitter/reorder_test.c", "CHECK_EQ(reorder.n_duplicate, 3)"),
    "datagrams_of_servers_total": ("tests/ice/reach", "datagrams_of_servers_total"),
    "rtp_recovered_total": ("tests/faults/loss.js", "rtp_recovered_total"),
    "rtp_asked_total": ("lib/conn/conn_test.c", "CHECK(stats.rtp_asked >= 15"),
    "rtp_resent_total": ("lib/conn/conn_test.c", "CHECK_EQ(stats.rtp_recovered, stats.rtp_asked)"),
    "circuit_breaks_total": ("lib/conn/feedback_test.c", "CHECK(stopped.breaks >= 1)"),
    'session_total{reason="drained"}': ("tests/system/run", "and is ended at the deadline"),  # with the process
    'session_total{reason="no_srtp"}': ("lib/dtls/dtls_test.c", "WR_DTLS_END_NO_SRTP"),
    'datagrams_dropped_total{reason="mailbox_full"}': ("gateway/mailbox_test.c", "refuses_when_full"),
    'tcp_dropped_total{kind="media"}': ("gateway/tcp_test.c", "counted(GW_TCP_DROPPED_MEDIA) == 1"),
    'tcp_dropped_total{kind="other"}': ("gateway/tcp_test.c", "!counted(GW_TCP_DROPPED_OTHER)"),
    'page_messages_refused_total{reason="too_big"}': ("lib/conn/conn_test.c", "MESSAGE_TOO_BIG"),
    "trace_spans_lost_total": ("gateway/worker_test.c", "counter(r, GW_TRACE_LOST) > 0"),
    'trace_spans_total{result="unanswered"}': ("gateway/otlp_test.c", "metrics.trace_spans[GW_TRACE_UNANSWERED] == 4"),
    'trace_spans_total{result="queue_full"}': ("gateway/otlp_test.c", "metrics.trace_spans[GW_TRACE_QUEUE_FULL] == 3"),
    'history_rows_total{result="dropped"}': ("gateway/history_test.c", "history_drops_what_its_thread_has_no_time_for"),
    "build_info": ("gateway/metrics_test.c", "build_info"),  # is 1 for ever
    "video_packets_total": ("lib/conn/video_test.c", "stats.video_packets_in, 2"),
    "video_bytes_total": ("lib/conn/video_test.c", "stats.video_packets_in, 2"),
    "video_repaired_total": ("lib/conn/video_test.c", "stats.video_packets_repaired, 2"),
    'video_frames_total{kind="key"}': ("lib/conn/video_test.c", "stats.video_key_frames == 1"),
    'video_frames_total{kind="other"}': ("lib/conn/video_test.c", "stats.video_frames == 2"),
    'video_frames_total{kind="dropped"}': ("lib/conn/video_test.c", "stats.video_frames_dropped >= 2"),
    "video_key_requests_total": ("lib/conn/video_test.c", "conn_video_key_frames_on_request"),
}


def note(figures):
    for series, value in figures.items():
        name, labels = NAME.match(series).groups()
        kept = values.setdefault((name, labels or ""), [])
        if value not in kept and len(kept) < 2:
            kept.append(value)


def fallen(before, now):
    """Of one gateway's figures: the counters that say less than they did."""
    return [f"{series} from {value:g} to {now[series]:g}" for series, value in before.items()
            if COUNTER.search(series) and now.get(series, value) < value]


def moved(kind, name, label=""):
    """Whether any series of |name| with |label| did."""
    if kind == "histogram":
        name += "_count"
    told = [kept for (n, labels), kept in values.items() if n == name and label in labels]
    return any(len(kept) > 1 if kind == "gauge" else any(kept) for kept in told)


def series_wanted():
    """(type, name, label): each metric once for every value of a label that the source names, or as a whole."""
    for name, (kind, labels, _) in table.metrics().items():
        each = [f'{label}="{value}"' for label, given in labels.items() for value in given]
        yield from ((kind, name, label) for label in each or [""])


def judge(check):
    wanted = ((kind, name, label, name + ("{" + label + "}" if label else "")) for kind, name, label in series_wanted())
    still = sorted(series for kind, name, label, series in wanted if not moved(kind, name, label))
    said = {series: words in open(os.path.join(ROOT, path), encoding="utf-8").read() for series, (path, words) in MOVED_BY.items()}
    check(all(said.values()), f"tests that are said to move a metric do: {[s for s, held in said.items() if not held]} do not")
    print(f"     by other tests: {', '.join(s for s in still if s in MOVED_BY)}")
    missed = [s for s in still if s not in MOVED_BY]
    check(not missed, f"every metric moves in a test; not in this run: {', '.join(missed) or 'none'}")
