# The same as ../bicep/main.bicep. All of it through azapi, as azurerm has no session pools, and the
# other resources are then written in Azure's own words too. Names and sizes are in ../names.json.

terraform {
  required_version = ">= 1.6"
  required_providers {
    azapi = {
      source  = "Azure/azapi"
      version = "~> 2.4"
    }
  }
}

variable "subscription_id" {
  type = string
}

variable "resource_group" {
  type        = string
  description = "Its name. It has to exist."
}

variable "location" {
  type = string
}

variable "with_pool" {
  type        = bool
  default     = true
  description = "Without the pool: the registry has to hold an image before a pool can take it."
}

variable "image_tag" {
  type        = string
  default     = "latest"
  description = "The tag of the image in the registry, in lower case."
}

variable "egress" {
  type        = bool
  default     = false
  description = "Lets sessions reach the internet, so that %pip install works in them."
}

variable "users" {
  type        = list(string)
  default     = []
  description = "Object ids of those who may use the pool, people, groups or applications."
}

variable "users_are" {
  type        = string
  default     = "User"
  description = "What the users are: User, Group or ServicePrincipal."
}

provider "azapi" {
  subscription_id = var.subscription_id
}

locals {
  names = jsondecode(file("${path.module}/../names.json"))
  group = "/subscriptions/${var.subscription_id}/resourceGroups/${var.resource_group}"
  roles = "/subscriptions/${var.subscription_id}/providers/Microsoft.Authorization/roleDefinitions"
}

resource "azapi_resource" "logs" {
  type                      = "Microsoft.OperationalInsights/workspaces@2025-07-01"
  name                      = "${local.names.baseName}-logs"
  parent_id                 = local.group
  location                  = var.location
  schema_validation_enabled = false
  response_export_values    = ["properties.customerId"]
  body = {
    properties = {
      retentionInDays = 30
      sku = {
        name = "PerGB2018"
      }
    }
  }
}

resource "azapi_resource_action" "logs_key" {
  type                   = "Microsoft.OperationalInsights/workspaces@2025-07-01"
  resource_id            = azapi_resource.logs.id
  action                 = "sharedKeys"
  response_export_values = ["primarySharedKey"]
}

resource "azapi_resource" "environment" {
  type                      = "Microsoft.App/managedEnvironments@2026-07-01"
  name                      = "${local.names.baseName}-environment"
  parent_id                 = local.group
  location                  = var.location
  schema_validation_enabled = false
  body = {
    properties = {
      appLogsConfiguration = {
        destination = "log-analytics"
        logAnalyticsConfiguration = {
          customerId = azapi_resource.logs.output.properties.customerId
          sharedKey  = azapi_resource_action.logs_key.output.primarySharedKey
        }
      }
      workloadProfiles = [
        {
          name                = local.names.workloadProfile
          workloadProfileType = local.names.workloadProfile
        }
      ]
    }
  }
}

resource "azapi_resource" "registry" {
  type                      = "Microsoft.ContainerRegistry/registries@2025-11-01"
  name                      = "${local.names.baseName}${substr(sha1(local.group), 0, 13)}"
  parent_id                 = local.group
  location                  = var.location
  schema_validation_enabled = false
  response_export_values    = ["properties.loginServer"]
  body = {
    sku = {
      name = "Basic"
    }
    properties = {
      adminUserEnabled = false
    }
  }
}

resource "azapi_resource" "puller" {
  type                      = "Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30"
  name                      = "${local.names.baseName}-puller"
  parent_id                 = local.group
  location                  = var.location
  schema_validation_enabled = false
  response_export_values    = ["properties.principalId"]
}

resource "azapi_resource" "pulls" {
  type                      = "Microsoft.Authorization/roleAssignments@2022-04-01"
  name                      = uuidv5("url", "${azapi_resource.registry.id}/${azapi_resource.puller.id}")
  parent_id                 = azapi_resource.registry.id
  schema_validation_enabled = false
  body = {
    properties = {
      roleDefinitionId = "${local.roles}/${local.names.acrPullRole}"
      principalId      = azapi_resource.puller.output.properties.principalId
      principalType    = "ServicePrincipal"
    }
  }
}

resource "azapi_resource" "pool" {
  count                     = var.with_pool ? 1 : 0
  type                      = "Microsoft.App/sessionPools@2026-07-01"
  name                      = local.names.baseName
  parent_id                 = local.group
  location                  = var.location
  schema_validation_enabled = false
  response_export_values    = ["properties.poolManagementEndpoint"]
  depends_on                = [azapi_resource.pulls]
  identity {
    type         = "UserAssigned"
    identity_ids = [azapi_resource.puller.id]
  }
  body = {
    properties = {
      environmentId      = azapi_resource.environment.id
      poolManagementType = "Dynamic"
      containerType      = "CustomContainer"
      scaleConfiguration = {
        maxConcurrentSessions = local.names.maxSessions
        readySessionInstances = local.names.readySessions
      }
      dynamicPoolConfiguration = {
        lifecycleConfiguration = {
          lifecycleType           = "Timed"
          cooldownPeriodInSeconds = local.names.cooldownSeconds
        }
      }
      sessionNetworkConfiguration = {
        status = var.egress ? "EgressEnabled" : "EgressDisabled"
      }
      managedIdentitySettings = [
        {
          identity  = azapi_resource.puller.id
          lifecycle = "None"
        }
      ]
      customContainerTemplate = {
        registryCredentials = {
          server   = azapi_resource.registry.output.properties.loginServer
          identity = azapi_resource.puller.id
        }
        containers = [
          {
            name  = local.names.image
            image = "${azapi_resource.registry.output.properties.loginServer}/${local.names.image}:${var.image_tag}"
            resources = {
              cpu    = tonumber(local.names.cpu)
              memory = local.names.memory
            }
            probes = [
              {
                type = "Startup"
                httpGet = {
                  path = local.names.healthPath
                  port = local.names.targetPort
                }
                periodSeconds    = 3
                failureThreshold = 10
              },
              {
                type = "Liveness"
                httpGet = {
                  path = local.names.healthPath
                  port = local.names.targetPort
                }
                periodSeconds    = 30
                timeoutSeconds   = 30
                failureThreshold = 10
              }
            ]
          }
        ]
        ingress = {
          targetPort = local.names.targetPort
        }
      }
    }
  }
}

resource "azapi_resource" "executors" {
  for_each                  = toset(var.with_pool ? var.users : [])
  type                      = "Microsoft.Authorization/roleAssignments@2022-04-01"
  name                      = uuidv5("url", "${azapi_resource.pool[0].id}/${each.value}")
  parent_id                 = azapi_resource.pool[0].id
  schema_validation_enabled = false
  body = {
    properties = {
      roleDefinitionId = "${local.roles}/${local.names.sessionExecutorRole}"
      principalId      = each.value
      principalType    = var.users_are
    }
  }
}

output "registry" {
  value = azapi_resource.registry.name
}

output "endpoint" {
  value = one(azapi_resource.pool[*].output.properties.poolManagementEndpoint)
}
