//! The search of all forms in all layers of a text, in one pass.

use super::{
    LAYERS,
    escape::{Glyph, Layer},
    form::{Counts, Form},
};

/// Characters that go through all layers at a time.
const BATCH: usize = 1024;

/// Bytes of the text that are a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Cut {
    pub(super) start: usize,
    pub(super) end: usize,
}

/// The search, as far as the text has come.
#[derive(Debug)]
pub(super) struct Scan<'f> {
    /// The text as it is, and with its escapes read once, twice, …
    levels: Vec<Level<'f>>,
    /// From each level to the next.
    layers: Vec<Layer>,
    cuts: Vec<Cut>,
    position: usize,
}

impl<'f> Scan<'f> {
    /// The search in a text that will come.
    pub(super) fn new(forms: &'f [Form]) -> Self {
        Self::with_layers(forms, LAYERS)
    }

    /// The search in a text that is there. A layer that reads no escape in it
    /// need not be searched.
    pub(super) fn of(forms: &'f [Form], text: &str) -> Self {
        let mut res = Self::with_layers(forms, layers_of(text));
        res.push(text);
        res.end();
        res
    }

    fn with_layers(forms: &'f [Form], layers: usize) -> Self {
        Self {
            levels: (0..=layers).map(|_| Level::new(forms)).collect(),
            layers: (0..layers).map(|_| Layer::default()).collect(),
            cuts: Vec::new(),
            position: 0,
        }
    }

    /// Takes more of the text.
    pub(super) fn push(&mut self, text: &str) {
        let base = self.position;
        in_batches(text, |mut batch| {
            batch.iter_mut().for_each(|it| (it.start, it.end) = (base + it.start, base + it.end));
            self.look(batch, false);
        });
        self.position += text.len();
    }

    /// Nothing more comes.
    pub(super) fn end(&mut self) {
        self.look(Vec::new(), true);
    }

    /// What was found so far, in order, nothing twice.
    pub(super) fn cuts(&self) -> Vec<Cut> {
        let mut all = self.cuts.clone();
        all.sort_unstable();
        let mut res: Vec<Cut> = Vec::new();
        for cut in all {
            match res.last_mut() {
                Some(last) if cut.start < last.end => last.end = last.end.max(cut.end),
                _ => res.push(cut),
            }
        }
        res
    }

    /// Whether there is nothing to look for.
    pub(super) fn is_idle(&self) -> bool {
        self.levels.iter().all(|it| it.tracks.is_empty())
    }

    /// Where the text has come to.
    pub(super) fn position(&self) -> usize {
        self.position
    }

    /// Where the first character stands that may belong to a secret which has
    /// not come to its end.
    pub(super) fn open(&self) -> usize {
        let tracks = self.levels.iter().flat_map(|it| &it.tracks);
        let held = self.layers.iter().filter_map(Layer::open);
        tracks.flat_map(Track::begun).chain(held).min().unwrap_or(self.position)
    }

    /// How many comparisons it took.
    #[cfg(test)]
    pub(super) fn steps(&self) -> u64 {
        self.levels.iter().flat_map(|it| &it.tracks).map(|it| it.steps).sum()
    }

    fn look(&mut self, mut batch: Vec<Glyph>, is_end: bool) {
        let mut layers = self.layers.iter_mut();
        for level in &mut self.levels {
            for track in &mut level.tracks {
                batch.iter().for_each(|it| track.look(*it, &mut self.cuts));
            }
            let Some(layer) = layers.next() else { break };
            batch = through(layer, batch, is_end);
        }
    }
}

/// How many layers read something in this text.
fn layers_of(text: &str) -> usize {
    if !text.contains(Layer::may_begin) {
        return 0;
    }
    let mut layers: [Layer; LAYERS] = Default::default();
    let mut pass = |batch, is_end| {
        layers.iter_mut().fold(batch, |batch, layer| through(layer, batch, is_end));
    };
    in_batches(text, |batch| pass(batch, false));
    pass(Vec::new(), true);
    layers.iter().filter(|it| it.has_read).count()
}

fn through(layer: &mut Layer, batch: Vec<Glyph>, is_end: bool) -> Vec<Glyph> {
    let mut read = Vec::with_capacity(batch.len());
    batch.into_iter().for_each(|it| layer.push(it, &mut read));
    if is_end {
        layer.end(&mut read);
    }
    read
}

fn in_batches(text: &str, mut each: impl FnMut(Vec<Glyph>)) {
    let glyph = |(start, it): (usize, char)| Glyph { it, start, end: start + it.len_utf8() };
    let mut glyphs = text.char_indices().map(glyph);
    loop {
        let batch: Vec<Glyph> = glyphs.by_ref().take(BATCH).collect();
        if batch.is_empty() {
            return;
        }
        each(batch);
    }
}

/// The search in one reading of the text.
#[derive(Debug)]
struct Level<'f> {
    /// One for each way to count that a form has.
    tracks: Vec<Track<'f>>,
}

impl<'f> Level<'f> {
    fn new(forms: &'f [Form]) -> Self {
        let tracks = Counts::EACH.into_iter().map(|it| Track::new(it, forms));
        Self { tracks: tracks.filter(|it| !it.forms.is_empty()).collect() }
    }
}

/// The search for all forms in which the same characters count.
#[derive(Debug)]
struct Track<'f> {
    counts: Counts,
    /// Each with how much of it was just read.
    forms: Vec<(&'f Form, usize)>,
    /// What the forms begin with.
    firsts: Vec<u8>,
    /// Whether none of them is being read.
    is_quiet: bool,
    trail: Trail,
    steps: u64,
}

impl<'f> Track<'f> {
    fn new(counts: Counts, forms: &'f [Form]) -> Self {
        let forms: Vec<_> =
            forms.iter().filter(|it| it.counts == counts).map(|it| (it, 0)).collect();
        let firsts = forms.iter().filter_map(|it| it.0.first()).collect();
        let trail = Trail::new(forms.iter().map(|it| it.0.len()).max().unwrap_or_default());
        Self { counts, forms, firsts, is_quiet: true, trail, steps: 0 }
    }

    fn look(&mut self, glyph: Glyph, cuts: &mut Vec<Cut>) {
        let Some(it) = self.counts.of(glyph.it) else { return };
        self.trail.push(glyph.start);
        self.steps += 1;
        if self.is_quiet && !self.firsts.contains(&it) {
            return;
        }
        self.is_quiet = true;
        for (form, read) in &mut self.forms {
            *read = form.after(*read, it, &mut self.steps);
            if *read == form.len() {
                let start = self.trail.nth_last(*read).unwrap_or(glyph.start);
                cuts.push(Cut { start, end: glyph.end });
                *read = form.border(*read);
            }
            self.is_quiet &= *read == 0;
        }
    }

    /// Where the forms begin that are being read.
    fn begun(&self) -> impl Iterator<Item = usize> {
        self.forms.iter().filter_map(|(_, read)| self.trail.nth_last(*read))
    }
}

/// Where the last characters that count begin.
#[derive(Debug)]
struct Trail {
    /// A ring, whose length is a power of two.
    starts: Vec<usize>,
    count: usize,
}

impl Trail {
    fn new(length: usize) -> Self {
        Self { starts: vec![0; length.next_power_of_two()], count: 0 }
    }

    fn push(&mut self, start: usize) {
        let place = self.place(self.count);
        if let Some(it) = self.starts.get_mut(place) {
            *it = start;
        }
        self.count += 1;
    }

    /// 1 is the last one; there is no 0th.
    fn nth_last(&self, number: usize) -> Option<usize> {
        let index = self.count.checked_sub(number).filter(|_| 0 < number)?;
        self.starts.get(self.place(index)).copied()
    }

    fn place(&self, index: usize) -> usize {
        index & self.starts.len().saturating_sub(1)
    }
}
