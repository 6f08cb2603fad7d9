use ureq::http::HeaderName;

use super::*;

fn age(headers: &[(HeaderName, &'static str)]) -> Option<u64> {
    let headers = headers.iter().cloned();
    let headers = headers.map(|(name, value)| (name, HeaderValue::from_static(value))).collect();
    max_age(&headers).map(|age| age.as_secs())
}

#[test]
fn the_most_restrictive_directive_is_the_maximum_age() {
    for (cache_control, expected) in [
        ("no-store", Some(0)),
        ("max-age=600, no-cache", Some(0)),
        ("max-age=0", Some(0)),
        ("max-age=1s", Some(0)),
        ("max-age=", Some(0)),
        ("public, MAX-AGE=\"600\"", Some(600)),
        ("max-age=600, max-age=60", Some(60)),
        ("public", None),
        ("", None),
        ("max-age=99999999999999999999", Some(u64::MAX)),
    ] {
        assert_eq!(age(&[(header::CACHE_CONTROL, cache_control)]), expected, "{cache_control}");
    }
}

#[test]
fn the_time_in_caches_is_subtracted_from_the_maximum_age() {
    for (cached_for, expected) in
        [("0", 600), ("200", 400), ("900", 0), ("99999999999999999999", 0), ("-1", 600), ("", 600)]
    {
        let headers = [(header::CACHE_CONTROL, "max-age=600"), (header::AGE, cached_for)];
        assert_eq!(age(&headers), Some(expected), "{cached_for}");
    }
    assert_eq!(age(&[(header::AGE, "200")]), None);
}

#[test]
fn without_tls_each_address_of_the_host_is_a_loopback_address() {
    let config = Config::default();
    let resolve = |url: &str, loopback_only| {
        Names { loopback_only }.resolve(&url.parse().unwrap(), &config, NextTimeout::default())
    };
    for url in ["http://192.0.2.1/", "http://[2001:db8::1]:8080/", "http://0.0.0.0/"] {
        let error = resolve(url, true).unwrap_err().to_string();
        assert!(error.contains("expected a loopback address"), "{error}");
        assert_eq!(resolve(url, false).unwrap().len(), 1);
    }
    for url in ["http://127.0.0.1:1/", "http://[::1]/", "http://[::ffff:127.0.0.1]/"] {
        assert_eq!(resolve(url, true).unwrap().len(), 1, "{url}");
    }
}
