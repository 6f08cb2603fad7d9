//! Tests the example `login_manager` over HTTP. The module `browser` tests its pages.

use paseto_actix::LocalKey;
use paseto_actix_tests::http::send;
use paseto_actix_tests::process::Process;
use paseto_actix_tests::state_file::StateFile;

#[test]
fn killed_login_manager_keeps_logins_and_logouts() {
    let (file, key) = (StateFile::new(), LocalKey::generate().to_paserk().to_string());
    let path = file.path().into_os_string().into_string().unwrap();
    let start = || {
        let variables = [("STATE_FILE", &*path), ("SESSION_KEYS", &key), ("REMEMBER_KEYS", &key)];
        let mut process = Process::example_with("login_manager", &variables);
        assert_eq!(process.line(), format!("The state is in the file `{path}`."));
        let url = process.line_after("listening on ");
        (process, url)
    };
    let log_in = |url: &str| {
        let form = [("content-type", "application/x-www-form-urlencoded")];
        let body = "email=foo%40bar.example&password=mysecret&remember=on";
        let response = send(url, "POST", "/login", &form, body);
        let cookie = |name| response.set_cookie(name).map(|(value, _)| value.to_owned());
        let (session, remember) = (cookie("session"), cookie("remember_token"));
        (session.unwrap(), remember.unwrap())
    };
    let status = |url: &str, cookies: &str| {
        send(url, "GET", "/protected", &[("cookie", cookies)], "").status
    };
    let (process, url) = start();
    let (kept, ended) = (log_in(&url), log_in(&url));
    let cookies = format!("session={}; remember_token={}", ended.0, ended.1);
    assert!(send(&url, "POST", "/logout", &[("cookie", &cookies)], "").status < 400);
    process.kill();

    let (_process, url) = start();
    assert_eq!(status(&url, &format!("session={}", kept.0)), 200);
    assert_eq!(status(&url, &format!("remember_token={}", kept.1)), 200);
    for cookies in [format!("session={}", ended.0), format!("remember_token={}", ended.1)] {
        assert_eq!(status(&url, &cookies), 401, "{cookies}");
    }
}
