//! Instructions of a request, counted by valgrind. A busy machine does not change the count.
//!
//! Each subject runs in two processes, one with many requests and one with few. The difference
//! belongs to the requests. It includes the work to make a request, in place of the work to parse
//! it: neither process uses the network.

use std::fs;
use std::path::Path;

use actix_web::App;
use actix_web::http::header::{AUTHORIZATION, COOKIE, HeaderName, SET_COOKIE};
use actix_web::rt::System;
use actix_web::test::{TestRequest, call_service, init_service};
use serde::{Deserialize, Serialize};

use crate::apps::Setting;
use crate::arguments::Run;
use crate::group::{Group, Samples, Unit};
use crate::keys::Keys;
use crate::process::{ChildProcess, is_there};
use crate::subjects::{SUBJECTS, Sends, Subject, instruction_comparisons};
use crate::{apps, process};

const FEW: usize = 100;
const MANY: usize = 2100;

/// The input of a child process.
#[derive(Serialize, Deserialize)]
struct Input {
    setting: Setting,
    /// Zero tokens, one token, or one for each request.
    tokens: Vec<String>,
}

pub(crate) fn measure(run: &Run) -> Group {
    let mut group = Group::new("instructions a request", Unit::Instructions);
    group.comparisons = instruction_comparisons();
    if !is_there("valgrind", "--version") {
        group.notes.push("skipped, as there is no valgrind: instructions".to_owned());
        return group;
    }
    let note = "instructions: valgrind's processor has no SHA instructions and no AVX-512, which HS256 and others use elsewhere";
    group.notes.push(note.to_owned());
    for subject in &SUBJECTS {
        if !group.needs(subject.name, run) {
            continue;
        }
        if subject.app.needs_redis() {
            group.notes.push(format!(
                "not counted, because this subject waits for Redis: {}",
                subject.name
            ));
            continue;
        }
        let keys = Keys::generate();
        let tokens = match subject.sends {
            Sends::IgnoredToken(form) | Sends::OneToken(form) => keys.tokens(form, 0..1),
            Sends::NewTokens(form) => keys.tokens(form, 0..MANY),
            Sends::Nothing | Sends::Cookie => Vec::new(),
        };
        let input = Input { setting: Setting { keys, redis: None }, tokens };
        let difference = count(subject, MANY, &input) - count(subject, FEW, &input);
        group.samples.push(Samples {
            name: subject.name.to_owned(),
            side: subject.side,
            rounds: vec![difference / (MANY - FEW) as f64],
        });
    }
    group
}

/// The instructions of a process that answers this number of requests.
fn count(subject: &Subject, requests: usize, input: &Input) -> f64 {
    let log = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("instructions-{}.log", std::process::id()));
    let to_log = format!("--log-file={}", log.display());
    let below = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", &to_log];
    ChildProcess::start(
        &below,
        &["count-instructions", subject.name, &requests.to_string()],
        input,
    )
    .finish();
    let text = fs::read_to_string(&log).expect("what valgrind has written");
    fs::remove_file(&log).expect("a file that can be removed");
    let total = text
        .lines()
        .find_map(|line| line.split_once("Collected : "))
        .map(|(_, total)| total.trim());
    total
        .and_then(|total| total.parse().ok())
        .unwrap_or_else(|| panic!("{}: no count in {text}", subject.name))
}

/// Runs in the child process. It makes all requests and answers this number of them.
pub(crate) fn run_counted(subject: &Subject, requests: usize) {
    let Input { setting, tokens } = process::input();
    System::new().block_on(async {
        let app = App::new().configure(|config| apps::configure(subject.app, &setting, config));
        let app = init_service(app).await;
        let mut headers: Vec<(HeaderName, String)> =
            tokens.into_iter().map(|token| (AUTHORIZATION, format!("Bearer {token}"))).collect();
        if subject.sends == Sends::Cookie {
            let filled = call_service(&app, TestRequest::with_uri("/fill").to_request()).await;
            let cookie =
                filled.headers().get(SET_COOKIE).expect("a cookie").to_str().expect("a text");
            headers.push((COOKIE, cookie.split(';').next().unwrap_or_default().to_owned()));
        }
        for number in 0..requests {
            let request = TestRequest::with_uri(subject.path);
            let request = match headers.get(number % headers.len().max(1)) {
                Some(header) => request.insert_header(header.clone()).to_request(),
                None => request.to_request(),
            };
            assert!(call_service(&app, request).await.status().is_success());
        }
    });
}
