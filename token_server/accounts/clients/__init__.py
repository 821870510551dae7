"""The registered clients: what CLIENTS_FILE says of them, and who proves to be one."""
