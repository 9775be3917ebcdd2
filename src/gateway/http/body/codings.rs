//! Content codings (RFC 9110 section 8.4.1): their names and their decoders.

use std::cell::Cell;
use std::io::{self, BufRead, BufReader, Read};
use std::rc::Rc;

use brotli_decompressor::{BrotliDecoderParameter, Decompressor};
use bytes::Bytes;
use flate2::bufread::GzDecoder;
use flate2::{Decompress, FlushDecompress, Status};
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// The size of one decoding step.
const CHUNK: usize = 64 * 1024;
/// The input buffer of each decoder.
const BUFFER: usize = 16 * 1024;
/// The largest window of zstd that senders may rely on (RFC 9659). Brotli has none over 16 MiB.
const LARGEST_WINDOW: u64 = 8 * 1024 * 1024;
/// The maximum number of gzip members or zstd frames in a body. Even an empty one costs time.
const MOST_MEMBERS: usize = 1024;

/// A supported coding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    Gzip,
    Deflate,
    Brotli,
    Zstd,
}

impl Coding {
    /// The coding with this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        const NAMES: [(&str, Coding); 5] = [
            ("gzip", Coding::Gzip),
            // RFC 9110 section 8.4.1.3.
            ("x-gzip", Coding::Gzip),
            ("deflate", Coding::Deflate),
            ("br", Coding::Brotli),
            ("zstd", Coding::Zstd),
        ];
        NAMES.iter().find(|(known, _)| name.eq_ignore_ascii_case(known)).map(|(_, coding)| *coding)
    }
}

/// Why a body cannot be decoded.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum DecodeError {
    /// It would exceed the limit, after the last step or an earlier one.
    TooLarge,
    /// It is not valid in its coding, is truncated, or has trailing bytes.
    Invalid,
}

/// Decodes the codings, the last one first. No step may produce more than `limit` bytes.
pub(super) fn decode(body: Bytes, codings: &[Coding], limit: usize) -> Result<Vec<Bytes>, DecodeError> {
    let is_over = Rc::new(Cell::new(false));
    let mut reader: Box<dyn BufRead> = Box::new(io::Cursor::new(body));
    for coding in codings.iter().rev() {
        let decoded: Box<dyn Read> = match coding {
            Coding::Gzip => Box::new(Gzip { member: Some(GzDecoder::new(reader)), members: 1 }),
            Coding::Deflate => {
                Box::new(Deflate { source: reader, data: Decompress::new(true), ended: false })
            }
            Coding::Brotli => Box::new(Brotli::new(reader)),
            Coding::Zstd => Box::new(Zstd::new(reader)),
        };
        let bounded = Bounded { source: decoded, left: limit, is_over: Rc::clone(&is_over) };
        reader = Box::new(BufReader::with_capacity(BUFFER, bounded));
    }
    let failed = |_| if is_over.get() { DecodeError::TooLarge } else { DecodeError::Invalid };
    let mut chunks = Vec::new();
    loop {
        let mut chunk = Vec::new();
        let read = reader.by_ref().take(CHUNK as u64).read_to_end(&mut chunk).map_err(&failed)?;
        if read == 0 {
            return Ok(chunks);
        }
        chunks.push(chunk.into());
    }
}

/// Fails when its source exceeds a limit.
struct Bounded<R> {
    source: R,
    left: usize,
    /// Whether the limit was exceeded. The decoders above do not report the cause.
    is_over: Rc<Cell<bool>>,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(into)?;
        if read > self.left {
            self.is_over.set(true);
            return Err(invalid());
        }
        self.left -= read;
        Ok(read)
    }
}

/// The end of the coding must be the end of the body. Some readers ignore trailing bytes, and others read
/// them.
fn at_end(source: &mut impl BufRead) -> io::Result<()> {
    if source.fill_buf()?.is_empty() { Ok(()) } else { Err(invalid()) }
}

fn another(members: &mut usize) -> io::Result<()> {
    *members += 1;
    if *members > MOST_MEMBERS { Err(invalid()) } else { Ok(()) }
}

fn invalid() -> io::Error {
    io::ErrorKind::InvalidData.into()
}

/// RFC 1952: a sequence of members.
struct Gzip<R> {
    member: Option<GzDecoder<R>>,
    members: usize,
}

impl<R: BufRead> Read for Gzip<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.member {
            let read = member.read(into)?;
            if read > 0 {
                return Ok(read);
            }
            let Some(mut source) = self.member.take().map(GzDecoder::into_inner) else { break };
            if !source.fill_buf()?.is_empty() {
                another(&mut self.members)?;
                self.member = Some(GzDecoder::new(source));
            }
        }
        Ok(0)
    }
}

/// RFC 1950, which HTTP calls `deflate`. The reader of `flate2` accepts a truncated stream.
struct Deflate<R> {
    source: R,
    data: Decompress,
    ended: bool,
}

impl<R: BufRead> Read for Deflate<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while !self.ended {
            let input = self.source.fill_buf()?;
            let is_cut_off = input.is_empty();
            let (consumed, made) = (self.data.total_in(), self.data.total_out());
            let status = self.data.decompress(input, into, FlushDecompress::None).map_err(|_| invalid())?;
            let consumed = self.data.total_in() - consumed;
            let made = usize::try_from(self.data.total_out() - made).map_err(|_| invalid())?;
            self.source.consume(usize::try_from(consumed).map_err(|_| invalid())?);
            if status == Status::StreamEnd {
                self.ended = true;
                at_end(&mut self.source)?;
            } else if made == 0 && is_cut_off {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if made > 0 {
                return Ok(made);
            }
        }
        Ok(0)
    }
}

/// RFC 7932.
struct Brotli<R: Read>(Decompressor<R>);

impl<R: BufRead> Brotli<R> {
    fn new(source: R) -> Self {
        let mut decoder = Decompressor::new(source, BUFFER);
        // "Large Window Brotli" is a different format, with windows of up to 1 GiB.
        decoder.set_parameter(BrotliDecoderParameter::BROTLI_DECODER_PARAM_LARGE_WINDOW, 0);
        Self(decoder)
    }
}

impl<R: BufRead> Read for Brotli<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.0.read(into)? {
            0 => {
                // After the end, another read fails if trailing bytes are buffered.
                let read = self.0.read(into)?;
                at_end(self.0.get_mut())?;
                Ok(read)
            }
            read => Ok(read),
        }
    }
}

/// RFC 8878: a sequence of frames. Skippable frames are skipped.
struct Zstd<R> {
    source: R,
    decoder: FrameDecoder,
    in_frame: bool,
    frames: usize,
}

impl<R: BufRead> Zstd<R> {
    fn new(source: R) -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(LARGEST_WINDOW);
        Self { source, decoder, in_frame: false, frames: 0 }
    }

    fn begin_frame(&mut self) -> io::Result<()> {
        another(&mut self.frames)?;
        match self.decoder.reset(&mut self.source) {
            Ok(()) => self.in_frame = true,
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                length, ..
            })) => {
                let skipped = io::copy(&mut self.source.by_ref().take(length.into()), &mut io::sink())?;
                if skipped < u64::from(length) {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
            Err(_) => return Err(invalid()),
        }
        Ok(())
    }

    fn end_frame(&mut self) -> io::Result<()> {
        self.in_frame = false;
        let written = self.decoder.get_checksum_from_data();
        let is_right = written.is_none() || written == self.decoder.get_calculated_checksum();
        if is_right { Ok(()) } else { Err(invalid()) }
    }
}

impl<R: BufRead> Read for Zstd<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            if !self.in_frame {
                if self.source.fill_buf()?.is_empty() {
                    return Ok(0);
                }
                self.begin_frame()?;
            } else if self.decoder.can_collect() > 0 {
                return self.decoder.read(into);
            } else if self.decoder.is_finished() {
                self.end_frame()?;
            } else {
                let block = BlockDecodingStrategy::UptoBlocks(1);
                self.decoder.decode_blocks(&mut self.source, block).map_err(|_| invalid())?;
            }
        }
    }
}

#[cfg(test)]
mod tests;
