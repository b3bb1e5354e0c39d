//! Clients of the API server: when each reads its token, and when it sends requests.

/// A pseudorandom generator (`SplitMix64`), so that a seed always gives the same cluster.
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number of a range.
    pub(super) fn within(&mut self, range: std::ops::Range<i64>) -> i64 {
        range.start + i64::try_from(self.next() % (range.end - range.start).unsigned_abs()).unwrap()
    }

    /// Whether something happens that happens once in so many times.
    pub(super) fn one_in(&mut self, count: i64) -> bool {
        self.within(0..count) == 0
    }
}

/// When a client reads the token file, beside the start of its container.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Reload {
    /// Every so many seconds.
    Every(i64),
    /// At random, but after this many seconds at the latest.
    Random(i64),
    /// Only after a request was refused with 401.
    After401,
    Never,
}

/// Intervals that the property leaves out: close to that at which the kubelet renews a token of 3607 s, which is 2886 s
/// and up to 90 s until its next look. A client in step with the kubelet reads each token just after it was written,
/// and may do so for days.
pub(super) const IN_STEP: std::ops::Range<i64> = 2880..2990;

impl Reload {
    pub(super) fn any(random: &mut Random) -> Self {
        match random.within(0..10) {
            0..=2 => Self::Every([60, 60, 300, 600][usize::try_from(random.within(0..4)).unwrap()]),
            3..=5 => Self::Every(loop {
                let interval = random.within(1800..43_200);
                if !IN_STEP.contains(&interval) {
                    break interval;
                }
            }),
            6 => Self::Random(if random.one_in(2) { 600 } else { random.within(1800..43_200) }),
            7 => Self::After401,
            _ => Self::Never,
        }
    }

    /// The times from the start of a container until `end` at which it reads the file.
    pub(super) fn reads(self, start: i64, end: i64, random: &mut Random) -> Vec<i64> {
        let mut reads = vec![start];
        let mut time = start;
        loop {
            time += match self {
                Self::Every(interval) => interval,
                Self::Random(longest) => random.within(30..longest),
                Self::After401 | Self::Never => return reads,
            };
            if time >= end {
                return reads;
            }
            reads.push(time);
        }
    }
}

/// A run of a container, with the requests of the client in it.
#[derive(Clone, Debug)]
pub(super) struct Run {
    pub(super) start: i64,
    /// The times of its reads, in order.
    reads: Vec<i64>,
    /// The times of its requests, in order.
    pub(super) requests: Vec<i64>,
}

impl Run {
    /// A run with requests in intervals of 5 s to `slowest`; without any for a standby.
    pub(super) fn new(
        start: i64,
        end: i64,
        reload: Reload,
        slowest: Option<i64>,
        random: &mut Random,
    ) -> Self {
        let reads = reload.reads(start, end, random);
        let mut requests = Vec::new();
        let mut time = start;
        while let Some(slowest) = slowest {
            time += random.within(5..slowest);
            if time >= end {
                break;
            }
            requests.push(time);
        }
        Self { start, reads, requests }
    }

    /// The time at which the token of a request was read.
    pub(super) fn read_before(&self, request: i64) -> i64 {
        self.reads[self.reads.partition_point(|read| *read <= request) - 1]
    }
}
