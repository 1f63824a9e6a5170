//! The speed targets, and what was measured of them.

use super::Measured;

/// A number to reach.
pub(super) struct Target {
    pub(super) text: String,
    pub(super) wanted: f64,
    pub(super) measured: f64,
    /// Whether the number may not be larger; else it may not be smaller.
    pub(super) at_most: bool,
}

/// A run's measurements, and the targets found in them so far. A bench that was not run gives none.
struct Run<'a> {
    all: &'a [Measured],
    out: Vec<Target>,
}

const THREADS: [&str; 2] = ["1 thread", "2 threads"];

pub(super) fn all(all: &[Measured]) -> Vec<Target> {
    let mut run = Run { all, out: Vec::new() };
    run.vectors();
    run.codes();
    run.groups();
    run.tensors();
    run.space();
    run.c_library();
    run.out
}

impl Run<'_> {
    /// The cost of a contestant; of several measurements the smallest, whatever the machine did meanwhile.
    fn cost(&self, group: &str, who: &str, input: &str) -> Option<f64> {
        let same = |m: &&Measured| {
            m.group == group && (m.who == who || m.who == format!("{who}, again")) && m.input == input
        };
        self.all.iter().filter(same).map(Measured::cost).min_by(f64::total_cmp)
    }

    fn add(&mut self, text: String, wanted: f64, measured: Option<f64>) {
        self.out.extend(measured.map(|measured| Target { text, wanted, measured, at_most: false }));
    }

    /// The same for a number that may not be larger.
    fn add_most(&mut self, text: String, wanted: f64, measured: Option<f64>) {
        self.out.extend(measured.map(|measured| Target { text, wanted, measured, at_most: true }));
    }

    /// How many times as fast `who` is as `peer`.
    fn against(&mut self, group: &str, input: &str, who: &str, peer: &str, wanted: f64) {
        let measured = self.cost(group, peer, input).zip(self.cost(group, who, input));
        let text = format!("{group}, {input}: {who} against {peer}, times as fast");
        self.add(text, wanted, measured.map(|(peer, who)| peer / who));
    }

    /// How many times as fast `who` is as the faster one of the C libraries.
    fn against_best(&mut self, group: &str, input: &str, who: &str, wanted: f64) {
        let peers = ["simsimd", "numkong"].map(|peer| self.cost(group, peer, input));
        let best = peers.into_iter().flatten().min_by(f64::total_cmp);
        let measured = best.zip(self.cost(group, who, input));
        let text = format!("{group}, {input}: {who} against the best of simsimd and numkong, times as fast");
        self.add(text, wanted, measured.map(|(peer, who)| peer / who));
    }

    /// Which share of a limit's speed `hart` has.
    fn share(&mut self, group: &str, input: &str, limit: &str, wanted: f64) {
        let measured = self.cost(group, limit, input).zip(self.cost(group, "hart", input));
        let name = limit.trim_start_matches("limit: ");
        let text = format!("{group}, {input}: share of the speed of \"{name}\"");
        self.add(text, wanted, measured.map(|(limit, hart)| limit / hart));
    }

    fn vectors(&mut self) {
        for (who, peer, wanted) in
            [("hart", "simsimd", 1.3), ("hart", "numkong", 2.5), ("hart f64", "numkong", 1.1)]
        {
            self.against("single pair, dot", "1998", who, peer, wanted);
        }
        self.against("single pair, dot of bytes", "1998", "hart", "numkong", 1.0);
        for metric in ["dot", "cosine", "euclidean"] {
            let group = format!("one query, {metric}");
            for (input, of_sum, of_peer) in [(THREADS[0], 1.0, 1.15), (THREADS[1], 0.95, 1.0)] {
                // The plain loop, front to back.
                self.share(&group, input, "limit: sum, 1 stream", of_sum);
                self.against_best(&group, input, "hart", of_peer);
            }
            let group = format!("one query of narrow rows, {metric}");
            for (element, wanted) in [("f16", 1.8), ("bf16", 1.8), ("i8", 3.4)] {
                self.against(&group, THREADS[0], element, "f32", wanted);
            }
        }
    }

    fn codes(&mut self) {
        for dimensions in [384, 1998] {
            let group = |queries: u32| format!("codes, {dimensions} dimensions, cosine, {queries} queries");
            for input in THREADS {
                for (queries, wanted) in [(1, 3.2), (64, 2.5), (256, 2.5)] {
                    self.against(&group(queries), input, "hart, codes", "hart", wanted);
                }
                self.against_best(&group(1), input, "hart, codes", 3.5);
                // Costs are those of a row and query.
                let one = self.cost(&group(1), "hart", input);
                let four = self.cost(&group(4), "hart", input);
                let text = format!(
                    "codes, {dimensions} dimensions, {input}: four queries without codes, times the time of one"
                );
                self.add_most(text, 1.25, four.zip(one).map(|(four, one)| 4.0 * four / one));
                self.share(
                    &format!("codes, {dimensions} dimensions, making them"),
                    input,
                    "limit: sum, 1 stream",
                    0.6,
                );
                for queries in [1, 64] {
                    let group = format!("codes, rows alike, {dimensions} dimensions, {queries} queries");
                    let costs = self.cost(&group, "hart, codes", input).zip(self.cost(&group, "hart", input));
                    let text =
                        format!("{group}, {input}: time with codes that exclude nothing, of that without");
                    self.add_most(text, 1.3, costs.map(|(codes, plain)| codes / plain));
                }
            }
        }
    }

    fn groups(&mut self) {
        for input in THREADS {
            for (name, wanted) in [("one group", 0.9), ("groups of 10", 0.5)] {
                let group = format!("aggregates, {name}");
                for who in ["average", "variance"] {
                    let costs =
                        self.cost(&group, "limit: sum, 1 stream", input).zip(self.cost(&group, who, input));
                    let text = format!("{group}, {input}: {who}, share of the speed of \"sum, 1 stream\"");
                    self.add(text, wanted, costs.map(|(limit, who)| limit / who));
                }
            }
        }
    }

    fn tensors(&mut self) {
        for group in ["svd, 768 × 768", "svd, 1536 × 384"] {
            for input in THREADS {
                for (who, wanted) in [("hart", 1.0), ("hart, rank 64", 5.0)] {
                    self.against(group, input, who, "numpy", wanted);
                }
            }
        }
        for input in THREADS {
            for shape in ["1536 × 384 from 384", "768 × 768 from 768", "1536 × 384 from 64"] {
                let group = format!("reconstruct, {shape} components");
                self.share(&group, input, "limit: multiply-add", 0.75);
            }
            self.share("synthesize, 10000 atoms of 1998", input, "limit: sum, 1 stream", 0.9);
            self.payloads(input);
        }
    }

    /// Of the payload types, the one that is furthest from the bandwidth of writing.
    fn payloads(&mut self, threads: &str) {
        let group = format!("payloads, 256 MB of result, {threads}");
        let types = self.all.iter().filter(|m| m.group == group && m.who == "hart");
        let share = |m: &Measured| {
            // Singles are copied as they are: that reads as much as it writes.
            let limit = if m.input == "f32" { "limit: copy of singles" } else { "limit: plain write" };
            let limit = self.cost(&group, limit, &m.input)?;
            Some((limit / m.cost(), m.input.clone()))
        };
        let slowest = types.filter_map(share).min_by(|a, b| a.0.total_cmp(&b.0));
        if let Some((measured, name)) = slowest {
            let text = format!(
                "{group}: the slowest, {name}, share of the speed of a plain write, or copy of singles"
            );
            self.add(text, 0.7, Some(measured));
        }
    }

    fn space(&mut self) {
        self.share("projection, 1998 to 3", "2 threads", "limit: sum, 1 stream", 0.9);
        for input in THREADS {
            let (group, limit) = ("projection, 1998 to 64", "limit: multiply-add");
            self.share(group, input, limit, 0.75);
            // A register holds half as many doubles.
            let doubles = self.cost(group, limit, input).zip(self.cost(group, "hart f64", input));
            let text = format!("{group}, {input}: hart f64, share of the speed of half of \"multiply-add\"");
            self.add(text, 0.75, doubles.map(|(limit, hart)| 2.0 * limit / hart));
        }
        for name in ["x y", "x y z", "x y z m"] {
            let (group, input) = ("GEOMETRY points", format!("{name}, 1 thread"));
            let found = self.cost(group, "hart", &input).zip(self.cost(group, "limit: plain write", &input));
            // Either number will do, so the target is met from 1 on.
            let measured = found.map(|(hart, limit)| f64::max(1e3 / hart / 100.0, limit / hart / 0.8));
            let text = format!(
                "{group}, {input}: of 100 million a second or of 80 % of \"plain write\", whichever is nearer"
            );
            self.add(text, 1.0, measured);
        }
        let group = "Hilbert and Morton keys, 21 bits an axis";
        let hart = self.cost(group, "hart, hilbert", THREADS[0]);
        self.add(
            "Hilbert keys, 1 thread: million a second".into(),
            50.0,
            hart.map(|nanoseconds| 1e3 / nanoseconds),
        );
        for peer in ["lindel, hilbert", "crate hilbert, hilbert"] {
            self.against(group, THREADS[0], "hart, hilbert", peer, 3.0);
        }
    }

    fn c_library(&mut self) {
        let group = "C library, dot product of 1998 dimensions";
        let costs = self.cost(group, "caller", "C").zip(self.cost(group, "hart", "C"));
        let text = format!("{group}, C: nanoseconds over the crate's call");
        self.add_most(text, 30.0, costs.map(|(caller, hart)| caller - hart));
        for input in ["C", "C# (Mono)", "C# (.NET)", "Python"] {
            for count in [40, 125, 1000, 20_000] {
                let group = format!("C library, one query × {count} × 1998, cosine");
                let measured = self.cost(&group, "hart", input).zip(self.cost(&group, "caller", input));
                let text = format!("{group}, {input}: share of the crate's speed");
                self.add(text, 0.97, measured.map(|(hart, caller)| hart / caller));
            }
        }
    }
}
