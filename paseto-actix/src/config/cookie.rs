//! Reads a [`CookieConfig`] from settings.

use actix_web::cookie::SameSite;

use super::names::COOKIE;
use super::read::{boolean, choice, text};
use super::setting_error::SettingError;
use super::table::Table;
use super::value::Value;
use crate::cookie::CookieConfig;

impl CookieConfig {
    /// Reads the nested table `cookie` in the settings of a session or a remembered login.
    pub(crate) fn read(value: Value) -> Result<Self, SettingError> {
        let mut table = Table::new(value, COOKIE)?;
        let default = Self::default();
        Ok(Self {
            name: table.optional("name", text)?,
            path: table.or("path", default.path, text)?,
            domain: table.optional("domain", text)?,
            same_site: table.or("same_site", default.same_site, same_site)?,
            http_only: table.or("http_only", default.http_only, boolean)?,
            partitioned: table.or("partitioned", default.partitioned, boolean)?,
        })
    }
}

fn same_site(value: Value) -> Result<SameSite, SettingError> {
    choice(
        &value,
        &[("Strict", SameSite::Strict), ("Lax", SameSite::Lax), ("None", SameSite::None)],
    )
}
