//! The node that revokes tokens, and the node that the clients use.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::thread;

use actix_web::rt::{System, SystemRunner};
use actix_web::{App, HttpResponse, HttpServer, web};
use paseto_actix::revocation::PushedRevocationStore;
use paseto_actix::{PasetoRequired, RedisStore, Verifier};
use paseto_actix_tests::{ISSUER, keys};

use crate::tokens::Tokens;

fn verifier(store: PushedRevocationStore) -> Verifier {
    let verifier = Verifier::builder().trust(ISSUER, keys::public()).revocation_store(store);
    verifier.build().expect("a verifier")
}

/// A server with a guarded resource. It runs until the end of the program.
pub(crate) struct Server {
    address: SocketAddr,
    store: PushedRevocationStore,
}

impl Server {
    pub(crate) fn start(redis: &RedisStore) -> io::Result<Self> {
        let store = redis.pushed_revocation_store();
        let verifier = verifier(store.clone());
        let app = move || {
            let resource = web::resource("/me").wrap(PasetoRequired::new());
            App::new().app_data(verifier.clone()).service(resource.get(HttpResponse::Ok))
        };
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        thread::spawn(move || {
            let server = HttpServer::new(app).workers(1).disable_signals().listen(listener)?;
            System::new().block_on(server.run())
        });
        Ok(Self { address, store })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the number of queries that were answered from the cache.
    pub(crate) fn hits(&self) -> u64 {
        self.store.status().hits
    }
}

/// The node that revokes tokens.
pub(crate) struct Revoker {
    system: SystemRunner,
    /// Reads tokens without a query to the store.
    reader: Verifier,
    verifier: Verifier,
}

impl Revoker {
    pub(crate) fn new(redis: &RedisStore) -> Self {
        let reader = Verifier::builder().trust(ISSUER, keys::public()).build();
        let verifier = verifier(redis.pushed_revocation_store());
        Self { system: System::new(), reader: reader.expect("a verifier"), verifier }
    }

    /// Revokes a token, and repeats the call until it is confirmed.
    pub(crate) fn revoke(&mut self, tokens: &Tokens, index: usize) {
        let token = self.reader.verify_str(tokens.text(index)).expect("a valid token");
        while self.system.block_on(self.verifier.revoke(&token)).is_err() {}
        tokens.confirm(index);
    }
}
