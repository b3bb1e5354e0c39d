//! A reader of the site, in a browser that opens it as files.

use serde_json::json;

use crate::site;
use crate::support::browser::Browser;

/// Waits in the page until an expression is true, for a minute at most.
fn wait_until(browser: &mut Browser, expression: &str) {
    let wait = format!(
        "new Promise(resolve => {{
            const end = Date.now() + 60000;
            const look = () => ({expression}) ? resolve(true)
                : Date.now() > end ? resolve(false) : requestAnimationFrame(look);
            look();
        }})"
    );
    let result = browser.call("Runtime.evaluate", &json!({"expression": wait, "awaitPromise": true}));
    assert_eq!(result["result"]["value"], true, "{expression}: {result}");
}

/// A word that one page has in its title leads to that page.
#[test]
fn a_search_finds_a_page() {
    let Some(mut browser) = Browser::start() else { return };
    browser.emulate(1200, "light", true);
    browser.open(&site().join("index.html"));
    browser.evaluate("document.getElementById('mdbook-search-toggle').click()");
    browser.evaluate(
        "(() => {
            const bar = document.getElementById('mdbook-searchbar');
            bar.value = 'emergency';
            bar.dispatchEvent(new Event('input', {bubbles: true}));
            bar.dispatchEvent(new KeyboardEvent('keyup', {bubbles: true, key: 'y'}));
        })()",
    );
    let first = "document.querySelector('#mdbook-searchresults a')";
    wait_until(&mut browser, &format!("{first} !== null"));
    browser.picture("site-search");
    let target = browser.evaluate(&format!("{first}.href"));
    let path = target.as_str().unwrap().split(['?', '#']).next().unwrap();
    assert!(path.ends_with("/docs/operate/emergency.html"), "{target}");
    assert!(site().join("docs/operate/emergency.html").exists());
}

/// A dark page for readers who prefer one, and for those who choose it.
#[test]
fn a_dark_theme_is_chosen() {
    let Some(mut browser) = Browser::start() else { return };
    let background = "getComputedStyle(document.documentElement).backgroundColor";
    let page = site().join("docs/roll-out/install.html");
    browser.emulate(1200, "light", true);
    browser.open(&page);
    let light = browser.evaluate(background);
    browser.evaluate("document.getElementById('mdbook-theme-toggle').click()");
    browser.evaluate("document.getElementById('mdbook-theme-navy').click()");
    wait_until(&mut browser, &format!("{background} !== '{}'", light.as_str().unwrap()));
    assert_eq!(browser.evaluate("document.documentElement.classList.contains('navy')"), true);
    browser.picture("site-dark");
    browser.evaluate("document.getElementById('mdbook-theme-toggle').click()");
    browser.evaluate("document.getElementById('mdbook-theme-light').click()");
    wait_until(&mut browser, &format!("{background} === '{}'", light.as_str().unwrap()));
}

#[test]
fn a_preference_for_dark_pages_is_followed() {
    let Some(mut browser) = Browser::start() else { return };
    browser.emulate(1200, "dark", true);
    browser.open(&site().join("index.html"));
    assert_eq!(browser.evaluate("document.documentElement.classList.contains('navy')"), true);
}
