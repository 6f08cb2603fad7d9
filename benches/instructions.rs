//! The instructions per request, which valgrind counts. A busy machine does not change the count.
//!
//! Each subject runs in two processes, one with many requests and one with few. The difference of
//! the counts is the cost of the requests. The processes do not use the network. They create each
//! request, which takes the place of parsing it.

use std::fs;
use std::path::Path;

use actix_web::App;
use actix_web::http::header::{AUTHORIZATION, COOKIE, HeaderName, SET_COOKIE};
use actix_web::rt::System;
use actix_web::test::{TestRequest, call_service, init_service};
use serde::{Deserialize, Serialize};

use crate::apps::Setting;
use crate::folder::Folder;
use crate::group::{Group, Samples, Unit};
use crate::keys::KeySet;
use crate::process::{ChildProcess, is_installed};
use crate::selection::Run;
use crate::subjects::{SUBJECTS, Sends, Subject, instruction_comparisons};
use crate::tokens::issue_tokens;
use crate::{apps, process};

const FEW: usize = 100;
const MANY: usize = 2100;

/// The input of a child process.
#[derive(Serialize, Deserialize)]
struct Input {
    setting: Setting,
    /// No token, one token, or one token per request.
    tokens: Vec<String>,
}

pub(crate) fn measure(run: &Run) -> Group {
    let mut group = Group::new("instructions a request", Unit::Instructions);
    group.comparisons = instruction_comparisons();
    if !is_installed("valgrind", "--version") {
        group.notes.push("instructions: skipped, because valgrind is not installed".to_owned());
        return group;
    }
    let note = "instructions: the processor of valgrind has neither SHA instructions nor AVX-512";
    group.notes.push(note.to_owned());
    let folder = Folder::create();
    for subject in &SUBJECTS {
        if !group.needs(subject.name, run) {
            continue;
        }
        if subject.app.needs_redis() {
            group.notes.push(format!(
                "instructions: skipped, because the subject waits for Redis: {}",
                subject.name
            ));
            continue;
        }
        let keys = KeySet::generate();
        let tokens = match subject.sends {
            Sends::IgnoredToken(format) | Sends::OneToken(format) => {
                issue_tokens(&keys, format, 0..1)
            }
            Sends::NewTokens(format) => issue_tokens(&keys, format, 0..MANY),
            Sends::Nothing | Sends::Cookie => Vec::new(),
        };
        let setting = Setting { keys, redis: None, folder: folder.path().to_owned() };
        let input = Input { setting, tokens };
        let difference = count(subject, MANY, &input) - count(subject, FEW, &input);
        group.samples.push(Samples {
            name: subject.name.to_owned(),
            rounds: vec![difference / (MANY - FEW) as f64],
        });
    }
    group
}

/// Counts the instructions of a process that handles this number of requests.
fn count(subject: &Subject, requests: usize, input: &Input) -> f64 {
    let log = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("instructions-{}.log", std::process::id()));
    let to_log = format!("--log-file={}", log.display());
    let wrapper = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", &to_log];
    ChildProcess::start(
        &wrapper,
        &["count-instructions", subject.name, &requests.to_string()],
        input,
    )
    .wait();
    let text = fs::read_to_string(&log).expect("the log of valgrind");
    fs::remove_file(&log).expect("the log can be removed");
    let total = text
        .lines()
        .find_map(|line| line.split_once("Collected : "))
        .map(|(_, total)| total.trim());
    total
        .and_then(|total| total.parse().ok())
        .unwrap_or_else(|| panic!("{}: no count in {text}", subject.name))
}

/// Runs in the child process. Handles this number of requests.
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
                filled.headers().get(SET_COOKIE).expect("a cookie").to_str().expect("ASCII");
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
