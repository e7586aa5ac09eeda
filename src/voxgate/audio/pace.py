"""When to send audio so that it leaves no faster than it is heard."""

from __future__ import annotations


class Pacer:
    """Deadlines for the frames of one stream, in anybody's monotonic seconds.

    Deadlines are absolute: each follows from when the listener began to hear and from how much was sent
    since, so a late wake-up delays one frame and none after it. Only when the listener ran dry, having
    heard all that was sent before the next frame was there, does the count begin anew from that moment.

    Args:
        lead_s: how much audio may be with the listener, unheard; infinite sends everything at once. A
            frame longer than this is due the moment the listener runs dry.
    """

    def __init__(self, lead_s: float) -> None:
        self._lead_s = lead_s
        self._heard_by_s: float | None = None

    def due_s(self, duration_s: float, now_s: float) -> float:
        """Count in the next frame, and return when to send it: ``now_s`` or later.

        Args:
            duration_s: how long the frame lasts.
            now_s: the time, when the frame is at hand.
        """
        if self._heard_by_s is None or now_s > self._heard_by_s:
            self._heard_by_s = now_s
        due_s = self._heard_by_s - max(0.0, self._lead_s - duration_s)
        self._heard_by_s += duration_s
        return max(now_s, due_s)

    def ahead_s(self, now_s: float) -> float:
        """How much of what was counted in the listener has yet to hear."""
        return 0.0 if self._heard_by_s is None else max(0.0, self._heard_by_s - now_s)

    def reset(self) -> None:
        """Forget what was sent: the listener threw it away, or nobody listens."""
        self._heard_by_s = None
