//! Response bodies in which every byte that is not UTF-8 is replaced.
//!
//! The API server stores and sends `managedFields[].fieldsV1` unchanged. kube fails to read a list or a watch
//! line that contains a byte that is not UTF-8, so one object could stop a watch for good.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use hyper::body::{Body, Frame};

/// The replacement of each byte that is not UTF-8: a single byte, so that hostile text does not grow.
const REPLACEMENT: u8 = b'?';

/// A body whose data is UTF-8, whatever the inner body holds.
pub struct Utf8Body<B> {
    inner: B,
    /// The beginning of a character that the next chunk may complete: at most three bytes.
    held: Bytes,
}

impl<B> Utf8Body<B> {
    /// Converts a body.
    pub fn new(inner: B) -> Self {
        Self { inner, held: Bytes::new() }
    }

    /// Converts the bytes held back and the chunk, up to the last complete character.
    fn convert(&mut self, chunk: Bytes) -> Bytes {
        if self.held.is_empty() && std::str::from_utf8(&chunk).is_ok() {
            return chunk;
        }
        let mut text = BytesMut::from(&*std::mem::take(&mut self.held));
        text.extend_from_slice(&chunk);
        let complete = text.len() - replace(&mut text);
        self.held = text.split_off(complete).freeze();
        text.freeze()
    }
}

/// Replaces bytes that are not UTF-8. Returns the length of an incomplete character at the end.
fn replace(text: &mut [u8]) -> usize {
    let mut rest = text;
    while let Err(error) = std::str::from_utf8(rest) {
        let (_, invalid) = rest.split_at_mut(error.valid_up_to());
        let Some(length) = error.error_len() else { return invalid.len() };
        let (invalid, next) = invalid.split_at_mut(length);
        invalid.fill(REPLACEMENT);
        rest = next;
    }
    0
}

impl<B: Body<Data = Bytes> + Unpin> Body for Utf8Body<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let Some(frame) = ready!(Pin::new(&mut self.inner).poll_frame(context)?) else {
            let held = std::mem::take(&mut self.held);
            let end = (!held.is_empty()).then(|| vec![REPLACEMENT; held.len()].into());
            return Poll::Ready(end.map(|end| Ok(Frame::data(end))));
        };
        Poll::Ready(Some(Ok(match frame.into_data() {
            Ok(chunk) => Frame::data(self.convert(chunk)),
            Err(trailers) => trailers,
        })))
    }

    fn is_end_stream(&self) -> bool {
        self.held.is_empty() && self.inner.is_end_stream()
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::stream;
    use http_body_util::{BodyExt, StreamBody};

    use super::*;

    async fn convert(text: &[u8], size: usize) -> Vec<u8> {
        let chunks: Vec<_> = text.chunks(size).map(Bytes::copy_from_slice).collect();
        let frames = chunks.into_iter().map(|chunk| Ok::<_, Infallible>(Frame::data(chunk)));
        let body = Utf8Body::new(StreamBody::new(stream::iter(frames)));
        body.collect().await.unwrap().to_bytes().to_vec()
    }

    #[tokio::test]
    async fn bytes_are_replaced_wherever_chunks_end() {
        for (text, expected) in [
            ("plain, ä, €, 🦀, \u{fffd}\n".as_bytes(), "plain, ä, €, 🦀, \u{fffd}\n"),
            (br#"{"f:\xff":{}}"#, r#"{"f:\xff":{}}"#),
            (b"{\"f:\xff\":{}}", "{\"f:?\":{}}"),
            (b"\xc3\xa4\xc3(\xf0\x9f\xa6(\xf0\x9f\xa6\x80", "ä?(???(🦀"),
            (b"\xed\xa0\x80 surrogate", "??? surrogate"),
            (b"ends early: \xf0\x9f\xa6", "ends early: ???"),
            (b"", ""),
        ] {
            for size in 1..=text.len().max(1) {
                let converted = convert(text, size).await;
                assert_eq!(String::from_utf8(converted).unwrap(), expected, "in chunks of {size}");
            }
        }
    }

    #[tokio::test]
    async fn a_text_of_invalid_bytes_keeps_its_length() {
        let converted = convert(&[0xff; 10_000], 4_096).await;
        assert_eq!(converted, [b'?'; 10_000]);
    }
}
