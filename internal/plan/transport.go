package plan

// transport are the keys of an account that change how requests travel or what they
// cost, never what they say: a slower rate must not look like another plan.
var transport = []string{"limits", "timeout", "proxy", "ca_file", "not_accepted", "price"}
