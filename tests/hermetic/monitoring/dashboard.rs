//! The dashboard: its queries use metrics that exist, and Grafana finds it.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{expressions, list, parsed, text};

const DASHBOARD: &str = include_str!("../../../manifests/monitoring/dashboard.json");

fn targets(dashboard: &Value) -> impl Iterator<Item = &Value> {
    list(&dashboard["panels"]).flat_map(|panel| list(&panel["targets"]))
}

#[test]
fn queries_use_metrics_that_exist() {
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let mut count = 0;
    for target in targets(&dashboard) {
        let expression = text(&target["expr"]);
        assert_eq!(expressions::mistakes(expression, &[]), [""; 0]);
        assert!(!expressions::selectors(expression).is_empty(), "{expression}");
        let legend = text(&target["legendFormat"]);
        let words = legend.split("{{").skip(1).filter_map(|rest| rest.split_once("}}"));
        for (label, _) in words {
            let groups = expressions::grouped(expression);
            assert!(groups.contains(&label), "{legend} names a label that {expression} does not keep");
        }
        count += 1;
    }
    assert!(count >= 12, "{count}");
}

/// An import asks for the data source, and panels neither overlap nor repeat an id.
#[test]
fn panels_have_a_place_a_description_and_the_chosen_data_source() {
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let variables: Vec<_> = list(&dashboard["templating"]["list"]).map(|each| text(&each["name"])).collect();
    assert_eq!(variables, ["datasource"]);
    let (mut ids, mut cells) = (BTreeSet::new(), BTreeSet::new());
    for panel in list(&dashboard["panels"]) {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{}", panel["title"]);
        assert!(!text(&panel["description"]).is_empty(), "{}", panel["title"]);
        let place = ["x", "y", "w", "h"].map(|field| panel["gridPos"][field].as_u64().unwrap());
        let [x, y, width, height] = place;
        assert!(x + width <= 24, "{}", panel["title"]);
        for cell in (x..x + width).flat_map(|column| (y..y + height).map(move |row| (column, row))) {
            assert!(cells.insert(cell), "{} overlaps", panel["title"]);
        }
        for source in list(&panel["targets"]).chain([panel]).map(|each| &each["datasource"]["uid"]) {
            assert_eq!(source, "${datasource}", "{}", panel["title"]);
        }
    }
}

/// The sidecar of Grafana looks for this label.
#[test]
fn the_kustomization_makes_a_config_map_of_it() {
    let kustomization = parsed(include_str!("../../../manifests/monitoring/kustomization.yaml"));
    let generator = &kustomization["configMapGenerator"][0];
    assert_eq!(generator["files"][0], "boundtoken.json=dashboard.json");
    assert_eq!(generator["options"]["labels"]["grafana_dashboard"], "1");
}
