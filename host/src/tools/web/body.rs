//! The body of an answer, read against every limit: bytes as they come, bytes
//! unpacked, the ratio of both, and the rate.

use std::io::{self, Write};

use flate2::write::GzDecoder;
use reqwest::{
    Response,
    header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, REFRESH, TRANSFER_ENCODING},
};
use tokio::time::{Instant, timeout_at};

use super::{WebConfig, failed, fetch::reason};
use crate::{completion::sanitize::clean_line, toolset::ToolError};

/// Unpacked bytes that no ratio is asked of: a short page may be all blanks.
const FREE_BYTES: u64 = 64 << 10;

/// Characters of a header that an error quotes.
const MAX_HEADER_CHARS: usize = 80;

/// What came, unpacked.
#[derive(Debug)]
pub(super) struct Body {
    /// The header, in lower case; empty when there is none.
    pub(super) content_type: String,
    /// The header `Refresh`, which some servers send instead of a redirect;
    /// empty when there is none.
    pub(super) refresh: String,
    pub(super) bytes: Vec<u8>,
}

/// Reads the body of an answer to its end. One that is too long is an error.
pub(super) async fn read(mut response: Response, config: &WebConfig) -> Result<Body, ToolError> {
    let mut unpacking = Unpacking::of(response.headers(), Counted::new(config))?;
    let content_type = header(response.headers(), &CONTENT_TYPE).to_ascii_lowercase();
    let refresh = refresh(response.headers());
    if response.content_length().is_some_and(|it| config.max_body_bytes < it) {
        return Err(too_long(config));
    }
    let mut window = Window::begin(config);
    while let Some(piece) = window.next(&mut response, config).await? {
        unpacking.take(&piece)?;
    }
    Ok(Body { content_type, refresh, bytes: unpacking.finish()? })
}

/// Reads the body of an answer, and whether that is all of it: one that is
/// too long is cut. One that unpacks to more than it may is an error all the
/// same, because nobody sends that in good faith.
pub(super) async fn read_some(
    mut response: Response,
    config: &WebConfig,
) -> Result<(Vec<u8>, bool), ToolError> {
    let counted = Counted { may_cut: true, ..Counted::new(config) };
    let mut unpacking = Unpacking::of(response.headers(), counted)?;
    let mut window = Window::begin(config);
    while !unpacking.counted().is_cut {
        let Some(piece) = window.next(&mut response, config).await? else { break };
        unpacking.take(&piece)?;
    }
    let is_whole = !unpacking.counted().is_cut;
    Ok((unpacking.finish()?, is_whole))
}

fn refresh(headers: &HeaderMap) -> String {
    let value = headers.get(REFRESH).map(|it| String::from_utf8_lossy(it.as_bytes()));
    value.unwrap_or_default().into_owned()
}

fn too_long(config: &WebConfig) -> ToolError {
    failed(format!("the answer is longer than {} bytes", config.max_body_bytes))
}

/// What must come in a window: something in any case.
fn least(config: &WebConfig) -> u64 {
    let seconds = config.rate_window.as_secs().max(1);
    config.min_bytes_per_second.saturating_mul(seconds).max(1)
}

/// Watches how fast the bytes come.
struct Window {
    end: Instant,
    bytes: u64,
}

impl Window {
    fn begin(config: &WebConfig) -> Self {
        Self { end: Instant::now() + config.rate_window, bytes: 0 }
    }

    /// The next bytes, `None` at the end.
    async fn next(
        &mut self,
        response: &mut Response,
        config: &WebConfig,
    ) -> Result<Option<Vec<u8>>, ToolError> {
        loop {
            if let Ok(piece) = timeout_at(self.end, response.chunk()).await {
                let piece = piece
                    .map_err(|it| failed(format!("the answer ended early: {}", reason(&it))))?;
                let bytes = piece.as_ref().map_or(0, |it| it.len() as u64);
                self.bytes = self.bytes.saturating_add(bytes);
                return Ok(piece.map(Vec::from));
            }
            if self.bytes < least(config) {
                let rate = config.min_bytes_per_second;
                return Err(failed(format!("the answer came slower than {rate} bytes a second")));
            }
            *self = Self::begin(config);
        }
    }
}

/// Bytes on their way through at most one encoding.
enum Unpacking {
    Plain(Counted),
    Gzip(Box<GzDecoder<Counted>>),
}

impl Unpacking {
    fn of(headers: &HeaderMap, counted: Counted) -> Result<Self, ToolError> {
        let transfer = header(headers, &TRANSFER_ENCODING);
        if !transfer.is_empty() && !transfer.eq_ignore_ascii_case("chunked") {
            return Err(failed(format!("the answer is encoded as `{transfer}` on its way")));
        }
        match header(headers, &CONTENT_ENCODING).to_ascii_lowercase().as_str() {
            "" | "identity" => Ok(Self::Plain(counted)),
            "gzip" | "x-gzip" => Ok(Self::Gzip(Box::new(GzDecoder::new(counted)))),
            other => Err(failed(format!(
                "the answer is encoded as `{other}`: only `gzip`, once, was asked for"
            ))),
        }
    }

    fn take(&mut self, piece: &[u8]) -> Result<(), ToolError> {
        let piece = self.counted().count(piece)?;
        let res = match self {
            Self::Plain(it) => it.write_all(piece),
            Self::Gzip(it) => it.write_all(piece),
        };
        match res {
            Err(error) if !self.counted().is_full() => Err(self.error(&error)),
            _ => Ok(()),
        }
    }

    /// Nothing that is packed is no end that is missing: the answer to a
    /// `HEAD` says how it would be packed.
    fn finish(mut self) -> Result<Vec<u8>, ToolError> {
        let is_over = self.counted().is_cut || self.counted().wire == 0;
        if let Self::Gzip(it) = &mut self
            && !is_over
            && let Err(error) = it.try_finish()
        {
            return Err(self.error(&error));
        }
        Ok(std::mem::take(&mut self.counted().bytes))
    }

    fn counted(&mut self) -> &mut Counted {
        match self {
            Self::Plain(it) => it,
            Self::Gzip(it) => it.get_mut(),
        }
    }

    /// The limit that was met, or what is wrong with the encoding.
    fn error(&mut self, error: &io::Error) -> ToolError {
        let reached = self.counted().reached.take();
        failed(reached.unwrap_or_else(|| format!("the answer is no `gzip`: {}", reason(error))))
    }
}

/// Unpacked bytes, as many as are allowed.
struct Counted {
    bytes: Vec<u8>,
    /// Bytes as they came.
    wire: u64,
    max_wire: u64,
    max_bytes: u64,
    max_ratio: u64,
    /// Which limit was met.
    reached: Option<String>,
    /// Whether what is too long is cut.
    may_cut: bool,
    /// Whether it was.
    is_cut: bool,
}

impl Counted {
    fn new(config: &WebConfig) -> Self {
        Self {
            bytes: Vec::new(),
            wire: 0,
            max_wire: config.max_body_bytes,
            max_bytes: config.max_page_bytes,
            max_ratio: config.max_ratio.into(),
            reached: None,
            may_cut: false,
            is_cut: false,
        }
    }

    /// Counts bytes as they come; gives those that may be looked at.
    fn count<'p>(&mut self, piece: &'p [u8]) -> Result<&'p [u8], ToolError> {
        let left = super::length(self.max_wire.saturating_sub(self.wire));
        self.wire = self.wire.saturating_add(piece.len() as u64);
        match piece.split_at_checked(left) {
            Some((fits, [_, ..])) if self.may_cut => {
                self.is_cut = true;
                Ok(fits)
            }
            Some((_, [_, ..])) => {
                Err(failed(format!("the answer is longer than {} bytes", self.max_wire)))
            }
            _ => Ok(piece),
        }
    }

    /// Whether no more bytes fit, and that is no error.
    fn is_full(&self) -> bool {
        self.is_cut && self.reached.is_none() && self.max_bytes <= self.bytes.len() as u64
    }

    /// The part of a piece that fits, when what is too long is cut.
    fn fitting<'p>(&mut self, piece: &'p [u8]) -> &'p [u8] {
        let left = super::length(self.max_bytes).saturating_sub(self.bytes.len());
        match piece.split_at_checked(left) {
            Some((fits, [_, ..])) if self.may_cut => {
                self.is_cut = true;
                fits
            }
            _ => piece,
        }
    }

    /// The limit that so many bytes would go beyond.
    fn limit(&self, bytes: u64) -> Option<String> {
        if self.max_bytes < bytes {
            return Some(format!("the page is longer than {} bytes", self.max_bytes));
        }
        let most = self.wire.saturating_mul(self.max_ratio).max(FREE_BYTES);
        let text = || format!("the answer unpacks to more than {} times its size", self.max_ratio);
        (most < bytes).then(text)
    }
}

impl Write for Counted {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        let (whole, piece) = (piece.len(), self.fitting(piece));
        let bytes = (self.bytes.len() as u64).saturating_add(piece.len() as u64);
        self.reached = self.limit(bytes);
        if self.reached.is_some() {
            return Err(io::Error::other("a limit was reached"));
        }
        self.bytes.extend_from_slice(piece);
        if piece.len() < whole {
            return Err(io::Error::other("a limit was reached"));
        }
        Ok(whole)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// All values of a header as one, cleaned.
fn header(headers: &HeaderMap, name: &HeaderName) -> String {
    let values = headers.get_all(name).iter().map(|it| String::from_utf8_lossy(it.as_bytes()));
    let values: Vec<_> = values.collect();
    clean_line(&values.join(", "), MAX_HEADER_CHARS)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::tools::web::tests::{bomb, config, packed};

    fn unpacking(encoding: &'static str, config: &WebConfig) -> Unpacking {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_ENCODING, encoding.parse().unwrap());
        Unpacking::of(&headers, Counted::new(config)).unwrap()
    }

    fn check(encoding: &'static str, pieces: &[&[u8]], expect: Result<usize, &str>) {
        let mut unpacking = unpacking(encoding, &config(&[]));
        let res = pieces.iter().try_for_each(|it| unpacking.take(it));
        let res = res.and_then(|()| unpacking.finish()).map(|it| it.len());
        assert_eq!(res, expect.map_err(|it| ToolError::Failed(it.to_owned())));
    }

    #[test]
    fn an_answer_is_unpacked_once_and_counted() {
        let (zeros, text) = ([0; 60 << 10], b"text ".repeat(2_000));
        check("", &[&text], Ok(10_000));
        let text_packed = packed(&text);
        check("gzip", &[&text_packed], Ok(10_000));
        check("x-gzip", &[&packed(&text)], Ok(10_000));
        // More of them would each cost a decoder, and may hold nothing.
        let more = "the answer is no `gzip`: failed to write whole buffer";
        check("gzip", &[&packed(&text), &packed(&text)], Err(more));
        let (begin, _) = text_packed.split_at(text_packed.len() - 4);
        check(
            "gzip",
            &[begin],
            Err("the answer is no `gzip`: corrupt gzip stream does not have a matching checksum"),
        );
        // A short page may be all blanks.
        check("gzip", &[&packed(&zeros)], Ok(60 << 10));
        let ratio = "the answer unpacks to more than 100 times its size";
        check("gzip", &[&packed(&[0; 70 << 10])], Err(ratio));
        let long: Vec<u8> = (0..400_000_u32).flat_map(u32::to_le_bytes).collect();
        check("gzip", &[&packed(&long)], Err("the page is longer than 1048576 bytes"));
        check("", &[&long], Err("the page is longer than 1048576 bytes"));
        check("", &[&long, &long], Err("the page is longer than 1048576 bytes"));
        check("gzip", &[b"no gzip at all"], Err("the answer is no `gzip`: invalid gzip header"));
    }

    #[test]
    fn ten_gibibytes_take_a_bounded_piece_of_memory() {
        // Without the ratio, so that the bytes alone must be what ends it.
        let config = WebConfig { max_ratio: u32::MAX, ..config(&[]) };
        let mut unpacking = unpacking("gzip", &config);
        let [begin, block] = bomb();
        let blocks = std::iter::repeat_n(&block, 10 << 10);
        let res = [&begin].into_iter().chain(blocks).try_for_each(|it| unpacking.take(it));
        assert_eq!(res, Err(ToolError::Failed("the page is longer than 1048576 bytes".to_owned())));
        let counted = unpacking.counted();
        assert!(counted.bytes.capacity() as u64 <= 2 * config.max_page_bytes);
        assert!(begin.len() + block.len() < 4_096);
    }

    #[test]
    fn the_rate_is_that_of_a_window() {
        let least_of = |rate, seconds| {
            let rate_window = Duration::from_secs(seconds);
            least(&WebConfig { min_bytes_per_second: rate, rate_window, ..config(&[]) })
        };
        assert_eq!((least_of(1_024, 10), least_of(0, 10), least_of(5, 0)), (10_240, 1, 5));
    }
}
