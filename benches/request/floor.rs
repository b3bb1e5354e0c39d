//! The least that any webhook server does: TLS, HTTP, reading the body, responding.

use std::path::Path;
use std::sync::Arc;
use std::{fs, future};

use axum::Router;
use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::routing::post;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use rustls::pki_types::PrivateKeyDer;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::Result;

/// The file with the response.
pub(super) const ANSWER: &str = "answer.json";
/// The file with the certificate, for the client.
pub(super) const CERTIFICATE: &str = "floor.crt";

/// Serves until killed; prints its address as our server logs its own.
pub(super) async fn serve(directory: &Path) -> Result<()> {
    let answer = Bytes::from(fs::read(directory.join(ANSWER))?);
    let router = Router::new().route(
        "/mutate",
        post(move |_: Bytes| future::ready(([(CONTENT_TYPE, "application/json")], answer.clone()))),
    );
    let acceptor = acceptor(directory)?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("serving listen={}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (acceptor, service) = (acceptor.clone(), TowerToHyperService::new(router.clone()));
        tokio::spawn(async move {
            if let Ok(stream) = acceptor.accept(stream).await {
                let connection = hyper::server::conn::http1::Builder::new();
                // Ends with an error when the client disconnects.
                drop(connection.serve_connection(TokioIo::new(stream), service).await);
            }
        });
    }
}

fn acceptor(directory: &Path) -> Result<TlsAcceptor> {
    let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    fs::write(directory.join(CERTIFICATE), pair.cert.pem())?;
    let key = PrivateKeyDer::try_from(pair.signing_key.serialize_der())?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![pair.cert.der().clone()], key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config).into())
}
