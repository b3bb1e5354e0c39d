//! The port-forward of an API server: a websocket with two channels, for the bytes and for errors.

use std::net::SocketAddr;

use axum::body::Body;
use axum::http::{Request, Response, StatusCode};
use futures_util::{SinkExt, StreamExt};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

/// Answers a request to forward one port. It leads to `target`.
pub(crate) fn forward(mut request: Request<Body>, target: SocketAddr) -> Response<Body> {
    let accept = derive_accept_key(request.headers()["sec-websocket-key"].as_bytes());
    let port = port(&request);
    tokio::spawn(async move {
        let upgraded = TokioIo::new(hyper::upgrade::on(&mut request).await.unwrap());
        let socket = WebSocketStream::from_raw_socket(upgraded, Role::Server, None).await;
        let (mut frames, mut received) = socket.split();
        for channel in [0, 1] {
            frames.send(frame(channel, &port.to_le_bytes())).await.unwrap();
        }
        let (mut reader, mut writer) = TcpStream::connect(target).await.unwrap().into_split();
        tokio::spawn(async move {
            let mut bytes = [0; 8192];
            while let Ok(length @ 1..) = reader.read(&mut bytes).await {
                if frames.send(frame(0, &bytes[..length])).await.is_err() {
                    return;
                }
            }
        });
        while let Some(Ok(message @ Message::Binary(_))) = received.next().await {
            // The target may have closed its connection.
            let _ = writer.write_all(message.into_data().get(1..).unwrap_or_default()).await;
        }
    });
    let headers = [
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-accept", &accept),
        ("sec-websocket-protocol", "v4.channel.k8s.io"),
    ];
    let response = Response::builder().status(StatusCode::SWITCHING_PROTOCOLS);
    let response = headers.iter().fold(response, |response, (name, value)| response.header(*name, *value));
    response.body(Body::empty()).unwrap()
}

/// The port of a request.
pub(crate) fn port(request: &Request<Body>) -> u16 {
    request.uri().query().unwrap().split_once("ports=").unwrap().1.parse().unwrap()
}

fn frame(channel: u8, bytes: &[u8]) -> Message {
    Message::binary([&[channel][..], bytes].concat())
}
