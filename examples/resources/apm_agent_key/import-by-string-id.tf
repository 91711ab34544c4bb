import {
  to = apm_agent_key.checkout
  id = "VuaCfGcBCdbkQm-e5aOx"
}
